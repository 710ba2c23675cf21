/** Folder of the project, with a slash at the end; child processes run bundles elsewhere and are told. */
export const root: string = process.env.INFC_ROOT ?? new URL('../../', import.meta.url).pathname;
