import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generateEnums } from '../../../scripts/lib/generate-enums.js'
import { generate } from '../../../scripts/lib/generate.js'
import { Btf } from '../../../src/btf/btf.js'
import { BtfBuilder } from '../../support/btf-builder.js'

const file = (path: string): Buffer => readFileSync(new URL(`../../../${path}`, import.meta.url))
const object = (name: string) => ({ name, bytes: file(`build/bpf/${name}.o`) })

describe('src/maps/generated.ts', () => {
  it('is what npm run gen writes for the objects as built', () => {
    expect(generate(object('xdp_lb'), [object('tc_reply'), object('xdp_ping')])).toBe(file('src/maps/generated.ts').toString())
  })

  it('is not made of objects with different maps', () => {
    expect(() => generate(object('xdp_lb'), [object('test/loader_maps')])).toThrow('has other maps than xdp_lb')
  })
})

/** The source generated for one enum that lb_types anchors. */
function sourceOf(name: string, values: Record<string, number>): string {
  const b = new BtfBuilder(true)
  const list = Object.entries(values).map(([each, value]) => [b.name(each), value])
  const id = b.add(`enum ${name}`, 6, { size: 4, list })
  const anchors = b.add('struct', 4, { size: 4, list: [[b.name('it'), id, 0]] })
  b.add('var lb_types', 14, { type: b.add('const', 10, { type: anchors }), extra: [1] })
  return generateEnums(Btf.parse(b.build(), true)).join('\n')
}

describe('a generated enum', () => {
  it.each([
    ['the enum is called', 'lb_echo', { LB_ECHO_IF_UP: 0, LB_ECHO_DROP: 1 }, ['ifUp: 0', "0: 'if_up'"]],
    ['its names begin', 'lb_scheduler', { LB_SCHED_MH: 0, LB_SCHED_RR: 1 }, ['mh: 0', 'rr: 1']],
    ['a single name begins', 'lb_forward', { LB_FORWARD_DR: 0 }, ['dr: 0']],
    ['little is common', 'lb_verdict', { LB_PASS_ICMP: 0, LB_DROP_TTL: 9 }, ['passIcmp: 0', "9: 'drop_ttl'"]],
    ['one name ends', 'lb_x', { LB_X_A: 0, LB_X_A_B: 1 }, ['a: 0', 'aB: 1']],
  ])('drops the common prefix where %s so', (_, name, values, lines) => {
    for (const line of lines) expect(sourceOf(name, values)).toContain(`  ${line},\n`)
  })

  it('leaves the enumerator out that counts the others', () => {
    const source = sourceOf('lb_conn_state', { LB_CONN_NONE: 0, LB_CONN_UDP: 1, LB_CONN_STATES: 2 })
    expect(source).toContain('udp: 1')
    expect(source).not.toContain('states')
  })

  it('has a type and names, unless it is a list of limits', () => {
    expect(sourceOf('lb_echo', { LB_ECHO_DROP: 3 })).toContain('export type Echo = (typeof Echo)[keyof typeof Echo]')
    expect(sourceOf('lb_limit', { LB_MAX_VIPS: 3 })).not.toMatch(/type|Names/)
  })
})
