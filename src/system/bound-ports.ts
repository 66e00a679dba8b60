/** Ports that sockets of a host wait on. */
import { existsSync, readFileSync } from 'node:fs'
import type { NetworkNamespace } from './netns.js'

export interface BoundPort {
  protocol: 'tcp' | 'udp'
  port: number
}

/** TCP_LISTEN of include/net/tcp_states.h, as /proc prints it. */
const LISTENING = '0A'

/** Listening TCP sockets and all UDP sockets, of both families; each port once. */
export function readBoundPorts(namespace: NetworkNamespace): BoundPort[] {
  const found = namespace.run(() =>
    (['tcp', 'udp'] as const).flatMap((protocol) =>
      ['', '6'].flatMap((family) => {
        const file = `/proc/thread-self/net/${protocol}${family}`
        return existsSync(file) ? parseSockets(readFileSync(file, 'utf8'), protocol) : []
      }),
    ),
  )
  return [...new Map(found.map((each) => [`${each.protocol} ${each.port}`, each])).values()]
}

/** What /proc/net/tcp and its like say: `sl  local_address rem_address st …`, addresses and ports in hexadecimal. */
export function parseSockets(text: string, protocol: BoundPort['protocol']): BoundPort[] {
  return text.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const port = Number.parseInt(local.split(':')[1] ?? '', 16)
    if (Number.isNaN(port) || (protocol === 'tcp' && state !== LISTENING)) return []
    return [{ protocol, port }]
  })
}
