import { describe, expect, it } from 'vitest'
import { parseRoutes } from '../../../src/system/routes.js'

describe('what ip -json route get printed', () => {
  const OUTPUT = `[{"dst":"10.9.0.1","gateway":"10.0.0.254","dev":"eth0","prefsrc":"10.0.0.1","flags":[],"uid":0,"cache":[]}]
[{"dst":"10.8.0.1","via":{"family":"inet6","host":"2001:db8::fe"},"dev":"eth0","prefsrc":"10.0.0.1","flags":[],"uid":0}]
[{"type":"local","dst":"10.0.0.1","dev":"lo","prefsrc":"10.0.0.1","flags":[],"uid":0,"cache":["local"]}]
[{"dst":"10.0.0.7","dev":"eth0","prefsrc":"10.0.0.1","flags":[],"uid":0,"cache":[]}]
[{"dst":"2001:db8:9::5","from":"::","gateway":"fe80::1","dev":"eth1","prefsrc":"2001:db8::1","metric":1024,"flags":[]}]
`

  it('is a route for each address that has one', () => {
    const route = (device: string, gateway?: string, local = false) => ({ local, device, gateway })
    expect(parseRoutes(OUTPUT)).toEqual(
      new Map([
        ['10.9.0.1', route('eth0', '10.0.0.254')],
        ['10.8.0.1', route('eth0', '2001:db8::fe')],
        ['10.0.0.1', route('lo', undefined, true)],
        ['10.0.0.7', route('eth0')],
        ['2001:db8:9::5', route('eth1', 'fe80::1')],
      ]),
    )
  })

  it('is nothing where there was nothing', () => {
    expect(parseRoutes('')).toEqual(new Map())
  })
})
