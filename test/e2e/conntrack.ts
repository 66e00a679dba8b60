/** A conntrack table that is full: the kernel drops what would need a new entry. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Lab } from '../../lab/topology.js'

const LIMIT = '/proc/sys/net/netfilter/nf_conntrack_max'
const COUNT = '/proc/sys/net/netfilter/nf_conntrack_count'

/** So many entries stay free for this machine's own connections: the limit holds for each network namespace. */
const SPARE = 1024
const FIRST_PORT = 1024

/** Puts the kernel's limit back. */
export interface FullTable extends Disposable {
  limit: number
}

/**
 * Fills the table of the director, whose rules must make it track connections. The entries have seen traffic both ways:
 * others the kernel gives up when the table is nearly full.
 */
export function fillConntrack(lab: Lab): FullTable {
  const before = readFileSync(LIMIT, 'utf8')
  const limit = Number(readFileSync(COUNT, 'utf8')) + SPARE
  writeFileSync(LIMIT, `${limit}\n`)
  const restore = (): void => writeFileSync(LIMIT, before)
  const flows = Array.from(
    { length: limit },
    (_, index) => `-I -p udp -s 10.0.0.1 -d 10.0.0.11 --sport ${FIRST_PORT + index} --dport 9 -t 3600 -u SEEN_REPLY,ASSURED`,
  )
  try {
    lab.director.shell(`conntrack -R - <<'FLOWS' 2>&1\n${flows.join('\n')}\nFLOWS`)
  } catch (error) {
    restore()
    throw error
  }
  return { limit, [Symbol.dispose]: restore }
}
