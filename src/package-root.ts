/** The directory of package.json. src, dist and the bundle in dist are all one level below it. */
export const PACKAGE_ROOT = new URL('../', import.meta.url)
