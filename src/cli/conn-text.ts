/** Conns in the shape of `ipvsadm -Lnc`, which operators and their scripts know. */
import type { ListedConn } from '../control/conn-list.js'

export const CONN_HEADING = 'pro expire state       source             virtual            destination'

/** ipvsadm.c, print_conn(): columns have a least width, and what is wider moves the rest. */
export function formatConn({ protocol, expiresSeconds, state, client, virtual, real }: ListedConn): string {
  const expire = `${twoDigits(Math.floor(expiresSeconds / 60))}:${twoDigits(expiresSeconds % 60)}`
  return (
    `${protocol.toUpperCase().padEnd(3)} ${expire.padEnd(6)} ${state.padEnd(11)} ` +
    `${client.padEnd(18)} ${virtual.padEnd(18)} ${real ?? '-'}`
  )
}

const twoDigits = (value: number): string => String(value).padStart(2, '0')
