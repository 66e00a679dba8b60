import { createRequire } from 'node:module'
import type * as IpAddr from 'ipaddr.js'

/** ipaddr.js, not imported: to find out what this CommonJS file exports takes node 50 ms, which every command would wait. */
export default createRequire(import.meta.url)('ipaddr.js') as typeof IpAddr
