import type { InterfaceFacts } from '../../src/system/interfaces.js'

/** Addresses as the ip tool writes them: 10.0.0.1/24. */
export function addressesOf(...texts: string[]): InterfaceFacts['addresses'] {
  return texts.map((text) => {
    const [address = '', length] = text.split('/')
    return { address, prefixLength: Number(length) }
  })
}

/** What is known of an interface that is up: `eth0` with 10.0.0.1/24, but for what is given. */
export function interfaceFacts(change: Partial<InterfaceFacts> = {}): InterfaceFacts {
  return {
    name: 'eth0',
    ifindex: 2,
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    up: true,
    carrier: true,
    kind: 'device',
    parent: undefined,
    addresses: addressesOf('10.0.0.1/24'),
    ...change,
  }
}
