/** Between the oracle's names and the contract's numbers. */
import { addressFromWords, addressToWords } from '../../../src/net/address.js'
import * as abi from '../../../src/maps/generated.js'
import { IpProtocol } from '../packet/layer.js'
import { connKey, isTemplate, templateKey, type Protocol } from '../oracle/table.js'

const PROTOCOL_NUMBER = { tcp: IpProtocol.tcp, udp: IpProtocol.udp, icmp: IpProtocol.icmp4 } as const

export const protocolNumber = (protocol: Protocol): number => PROTOCOL_NUMBER[protocol]

/** The name that an enum of the contract has for a number. Throws when it has none. */
export function nameOf<T extends Record<string, number>>(values: T, value: number): keyof T & string {
  const found = Object.entries(values).find(([, number]) => number === value)
  if (found === undefined) throw new Error(`no enumerator is ${value}`)
  return found[0]
}

/** The bits of an enum of flags that are set. */
export const bitsOf = <T extends Record<string, number>>(
  bits: T,
  set: Partial<Record<keyof T, boolean | undefined>>,
): number => Object.entries(bits).reduce((all, [name, bit]) => (set[name] === true ? all | bit : all), 0)

/** The key in the map of a conn or template, from the oracle's. */
export function encodeKey(key: string): abi.ConnKey {
  const [protocol, client = '', ...rest] = key.split(' ')
  const numbers = rest.map(Number)
  if (isTemplate(key)) {
    const [vip = 0, scope = 0] = numbers
    const ports = new DataView(Uint32Array.of(scope).buffer)
    return {
      client: addressToWords(client),
      vip,
      protocol: 0,
      kind: abi.KeyKind.template,
      clientPort: ports.getUint16(0),
      port: ports.getUint16(2),
    }
  }
  const [clientPort = 0, vip = 0, port = 0] = numbers
  const number = protocolNumber(protocol as Protocol)
  return { client: addressToWords(client), vip, protocol: number, kind: abi.KeyKind.conn, clientPort, port }
}

/** The oracle's key of a conn or template. */
export function decodeKey(key: abi.ConnKey): string {
  const client = addressFromWords(key.client)
  if (key.kind === abi.KeyKind.template) {
    const ports = new DataView(new ArrayBuffer(4))
    ports.setUint16(0, key.clientPort)
    ports.setUint16(2, key.port)
    return templateKey({ client, vip: key.vip, scope: new Uint32Array(ports.buffer)[0] ?? 0 })
  }
  return connKey({ ...key, client, protocol: nameOf(PROTOCOL_NUMBER, key.protocol) })
}
