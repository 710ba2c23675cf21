import { version as packageVersion } from '../../package.json';

/** Version of this infc. */
export const version: string = packageVersion;
