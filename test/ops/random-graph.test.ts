import { describe } from 'vitest';
import { agreesOnRandomGraphs } from './random/property.ts';

describe('random graphs', () => agreesOnRandomGraphs(0.5, 7, 2));
