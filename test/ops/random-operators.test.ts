import { describe } from 'vitest';
import { agreesOnRandomGraphs } from './random/property.ts';

describe('random operators', () => agreesOnRandomGraphs(0.5, 1, 1));
