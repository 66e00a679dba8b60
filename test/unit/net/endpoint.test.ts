import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEndpoint } from '../../../src/net/address.js'
import { parseEndpointPattern } from '../../../src/net/endpoint.js'

describe('an endpoint pattern', () => {
  it.each([
    ['10.0.0.1', { address: '10.0.0.1', prefixLength: 32, port: undefined }],
    ['10.0.0.0/24', { address: '10.0.0.0', prefixLength: 24, port: undefined }],
    ['10.0.0.1:80', { address: '10.0.0.1', prefixLength: 32, port: 80 }],
    ['10.0.0.0/8:0', { address: '10.0.0.0', prefixLength: 8, port: 0 }],
    ['2001:DB8::1', { address: '2001:db8::1', prefixLength: 128, port: undefined }],
    ['2001:db8::/32', { address: '2001:db8::', prefixLength: 32, port: undefined }],
    ['[2001:db8::1]', { address: '2001:db8::1', prefixLength: 128, port: undefined }],
    ['[2001:db8::1]:443', { address: '2001:db8::1', prefixLength: 128, port: 443 }],
    ['[2001:db8::/64]:443', { address: '2001:db8::', prefixLength: 64, port: 443 }],
    ['[2001:db8::]/64:443', { address: '2001:db8::', prefixLength: 64, port: 443 }],
  ])('%s', (text, expected) => {
    expect(parseEndpointPattern(text)).toEqual(expected)
  })

  it.each([
    ['', 'nothing'],
    ['web', 'a name'],
    ['10.0.0', 'a short address'],
    ['10.0.0.1/33', 'a prefix longer than the address'],
    ['2001:db8::/129', 'a prefix longer than the address'],
    ['10.0.0.1:65536', 'a port above 65535'],
    ['10.0.0.1:', 'a port of no digits'],
    ['10.0.0.1/', 'a prefix of no digits'],
    ['[2001:db8::/64]/64', 'two prefixes'],
    ['[2001:db8::1', 'half a bracket'],
    ['fe80::1%eth0', 'a zone'],
    ['-1.0.0.1', 'a negative number'],
  ])('is not "%s": %s', (text) => {
    expect(parseEndpointPattern(text)).toBeUndefined()
  })

  it('reads what formatEndpoint writes', () => {
    const address = fc.oneof(fc.ipV4(), fc.constantFrom('::', '2001:db8::7', '2001:db8:1:2:3:4:5:6'))
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 0xffff }), (host, port) => {
        expect(parseEndpointPattern(formatEndpoint(host, port))).toMatchObject({ address: host, port })
      }),
    )
  })
})
