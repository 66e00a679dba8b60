import { afterEach, describe, expect, it, vi } from 'vitest'
import { formatList } from '../../../src/cli/list-text.js'
import { columns, Exit, printJson, reportError } from '../../../src/cli/output.js'
import { formatPlan, planWarnings } from '../../../src/cli/plan-text.js'
import { ConfigError } from '../../../src/config/load.js'
import { changesOf } from '../../../src/control/changes.js'
import type { Plan } from '../../../src/control/director.js'
import { VeerError } from '../../../src/errors.js'
import { VerifierError } from '../../../src/loader/verifier-error.js'
import { counters, listedReal, listedService, listOf } from '../control/lists.js'
import type { ServiceFields } from '../control/support.js'
import { configOf, PlainMaps, targetOf } from '../control/support.js'

/** The plan from these services to those. */
function plan(before: ServiceFields[], after: ServiceFields[], rest: Partial<Plan> = {}): Plan {
  const maps = new PlainMaps()
  if (before.length > 0) maps.become(configOf(before))
  const changes = changesOf(maps.reconcile(targetOf(configOf(after))))
  return { changes, disruption: [], unresolved: [], warnings: [], reals: new Map(), ...rest }
}

const MH = { scheduler: { name: 'mh', ports: true } } as unknown as ServiceFields

describe('a plan as text', () => {
  it('from nothing', () => {
    expect(formatPlan(plan([], [{ reals: ['10.0.0.11', ['10.0.0.12', 5]] }]))).toMatchInlineSnapshot(`
      "+ interfaces.lo  ifindex=1 mac=02:00:00:00:00:01 mode=generic
      + services.web  vip=203.0.113.10 port=80 protocol=tcp forward=dr scheduler=rr sloppy=false reals=[10.0.0.11 weight=1, 10.0.0.12 weight=5]"
    `)
  })

  it('of a port, a real and a weight', () => {
    const after = { port: 8080, reals: [['10.0.0.11', 4], '10.0.0.13'] as const }
    const disruption = [
      { service: 'web', slotsMoved: 5461, slots: 16381 },
      { service: 'a-longer-name', slotsMoved: 0, slots: 3 },
    ]
    expect(formatPlan(plan([{}], [after], { disruption }))).toMatchInlineSnapshot(`
      "~ services.web.port  80 -> 8080
      ~ services.web.reals.10.0.0.11.weight  1 -> 4
      + services.web.reals.10.0.0.13  weight=1
      - services.web.reals.10.0.0.12  weight=1
        web:            5461 of 16381 ring slots move  (33.3 %)
        a-longer-name:  0 of 3 ring slots move         (0.0 %)"
    `)
  })

  it('of a service with another scheduler, one that goes and one that comes', () => {
    const before = [{}, { name: 'old', port: 25, reals: ['10.0.0.9'] }]
    const after = [MH, { name: 'new', vip: '2001:db8::1', port: 443, reals: ['2001:db8::2'] }]
    expect(formatPlan(plan(before, after))).toMatchInlineSnapshot(`
      "~ services.web.scheduler  rr -> mh(tableSize=16381, ports=true, fallback=false)
      ~ services.web.sloppy  false -> true
      + services.new  vip=2001:db8::1 port=443 protocol=tcp forward=dr scheduler=rr sloppy=false reals=[2001:db8::2 weight=1]
      - services.old  vip=203.0.113.10 port=25 protocol=tcp forward=dr scheduler=rr sloppy=false reals=[10.0.0.9 weight=1]"
    `)
  })

  it('of a service of nat with persistence', () => {
    const nat = {
      forward: 'nat',
      persistence: { timeout: '5m', netmask: 24, group: 'shop' },
      noReal: 'drop',
      reals: [{ address: '10.0.0.11', port: 8080, upperThreshold: 100 }],
    }
    expect(formatPlan(plan([], [nat]))).toMatchInlineSnapshot(`
      "+ interfaces.lo  ifindex=1 mac=02:00:00:00:00:01 mode=generic
      + services.web  vip=203.0.113.10 port=80 protocol=tcp forward=nat scheduler=rr sloppy=false noReal=drop persistence=(timeout=300 netmask=24 group=shop expireQuiescent=true) reals=[10.0.0.11:8080 weight=1 upperThreshold=100]"
    `)
    expect(formatPlan(plan([nat], [{ ...nat, persistence: false, noReal: 'reject' }]))).toMatchInlineSnapshot(`
      "~ services.web.persistence  timeout=300 netmask=24 group=#ac6a4ca2 expireQuiescent=true -> false
      ~ services.web.noReal  drop -> reject"
    `)
  })

  it('without changes', () => {
    expect(formatPlan(plan([{}], [{}]))).toBe('no changes')
  })
})

describe('the warnings of a plan', () => {
  it('name reals without MAC, and then what else there is', () => {
    const found = plan([], [], { unresolved: ['10.0.0.11', '2001:db8::2'], warnings: ['IPv4 forwarding is off'] })
    expect(planWarnings(found)).toEqual([
      'no answer to ARP or ND from 10.0.0.11, 2001:db8::2: these reals get no traffic until they do; ' +
        'check that they are up, and run `veer apply` again or leave `veer run` running',
      'IPv4 forwarding is off',
    ])
  })

  it('are none when all is well', () => {
    expect(planWarnings(plan([], []))).toEqual([])
  })
})

describe('a list as text', () => {
  const list = listOf(
    listedService({
      counters: counters(1234n),
      destinations: [
        listedReal({ activeConns: 12, inactiveConns: 3, counters: counters(1000n) }),
        listedReal({ address: '10.0.0.12', weight: 10, effectiveWeight: 0, counters: counters(234n) }),
      ],
    }),
    listedService({
      name: 'dns',
      vip: '2001:db8::1',
      port: 53,
      protocol: 'udp',
      scheduler: 'rr',
      destinations: [listedReal({ address: '2001:db8::2', port: 53 })],
    }),
  )

  it('is a table in the shape of ipvsadm', () => {
    expect(formatList(list, 'table')).toMatchInlineSnapshot(`
      "instance default on eth0 (native)
      Prot  LocalAddress:Port   Scheduler  Flags
        ->  RemoteAddress:Port  Forward    Weight  ActiveConn  InActConn
      TCP   203.0.113.10:80     mh
        ->  10.0.0.11:80        Route      1       12          3
        ->  10.0.0.12:80        Route      10 (0)  0           0
      UDP   [2001:db8::1]:53    rr
        ->  [2001:db8::2]:53    Route      1       0           0"
    `)
  })

  it('has the forwarding methods and persistence in the words of ipvsadm', () => {
    const nat = listOf(
      listedService({
        forward: 'nat',
        scheduler: 'wlc',
        persistence: { timeoutSeconds: 300, netmask: 32 },
        destinations: [listedReal({ port: 8080 }), listedReal({ address: '10.0.0.1', local: true, mac: null })],
      }),
      listedService({ port: 0, persistence: { timeoutSeconds: 360, netmask: 20 }, destinations: [] }),
      listedService({ vip: '2001:db8::1', persistence: { timeoutSeconds: 60, netmask: 64 }, destinations: [] }),
      listedService({ vip: '2001:db8::2', persistence: { timeoutSeconds: 60, netmask: 128 }, destinations: [] }),
    )
    expect(formatList(nat, 'table')).toMatchInlineSnapshot(`
      "instance default on eth0 (native)
      Prot  LocalAddress:Port   Scheduler  Flags
        ->  RemoteAddress:Port  Forward    Weight  ActiveConn  InActConn
      TCP   203.0.113.10:80     wlc        persistent 300
        ->  10.0.0.11:8080      Masq       1       0           0
        ->  10.0.0.1:80         Local      1       0           0
      TCP   203.0.113.10:0      mh         persistent 360 mask 255.255.240.0
      TCP   [2001:db8::1]:80    mh         persistent 60 mask 64
      TCP   [2001:db8::2]:80    mh         persistent 60"
    `)
  })

  it('has the health of reals, when one is known', () => {
    const checked = listOf(
      listedService({
        destinations: [
          listedReal({ health: 'up' }),
          listedReal({ address: '10.0.0.12', health: 'down', effectiveWeight: 0 }),
          listedReal({ address: '10.0.0.13' }),
          listedReal({ address: '10.0.0.99', sorry: true, effectiveWeight: 0 }),
        ],
      }),
    )
    expect(formatList(checked, 'table')).toMatchInlineSnapshot(`
      "instance default on eth0 (native)
      Prot  LocalAddress:Port   Scheduler  Flags
        ->  RemoteAddress:Port  Forward    Weight  ActiveConn  InActConn  Health
      TCP   203.0.113.10:80     mh
        ->  10.0.0.11:80        Route      1       0           0          up
        ->  10.0.0.12:80        Route      1 (0)   0           0          down
        ->  10.0.0.13:80        Route      1       0           0          -
        ->  10.0.0.99:80        Route      1 (0)   0           0          sorry server"
    `)
  })

  it('has counters', () => {
    expect(formatList(list, 'stats')).toMatchInlineSnapshot(`
      "instance default on eth0 (native)
      Prot  LocalAddress:Port  Conns  InPkts  OutPkts  InBytes  OutBytes
      TCP   203.0.113.10:80    1234   12340   0        1234000  0
        ->  10.0.0.11:80       1000   10000   0        1000000  0
        ->  10.0.0.12:80       234    2340    0        234000   0
      UDP   [2001:db8::1]:53   0      0       0        0        0
        ->  [2001:db8::2]:53   0      0       0        0        0"
    `)
  })

  it('has rates', () => {
    expect(formatList(list, 'rate')).toMatchInlineSnapshot(`
      "instance default on eth0 (native)
      Prot  LocalAddress:Port  CPS   InPPS  OutPPS  InBPS    OutBPS
      TCP   203.0.113.10:80    1234  12340  0       1234000  0
        ->  10.0.0.11:80       1000  10000  0       1000000  0
        ->  10.0.0.12:80       234   2340   0       234000   0
      UDP   [2001:db8::1]:53   0     0      0       0        0
        ->  [2001:db8::2]:53   0     0      0       0        0"
    `)
  })

  it('is empty without services', () => {
    expect(formatList(listOf(), 'table')).toMatchInlineSnapshot(`
      "instance default on eth0 (native)
      Prot  LocalAddress:Port   Scheduler  Flags
        ->  RemoteAddress:Port  Forward    Weight  ActiveConn  InActConn"
    `)
  })
})

describe('output', () => {
  afterEach(() => void vi.restoreAllMocks())

  /** What is written to a stream while `work` runs. */
  function written(stream: 'stdout' | 'stderr', work: () => unknown): string {
    const lines: string[] = []
    vi.spyOn(process[stream], 'write').mockImplementation((text) => lines.push(String(text)) > 0)
    work()
    return lines.join('')
  }

  it('aligns columns, to the right where asked', () => {
    const rows = [
      ['verdict', 'packets'],
      ['forward_new', '7'],
    ]
    expect(columns(rows, [1])).toBe('verdict      packets\nforward_new        7')
    expect(columns([])).toBe('')
  })

  it('prints 64-bit counters as strings in JSON', () => {
    expect(written('stdout', () => printJson({ conns: 2n ** 60n }))).toBe('{\n  "conns": "1152921504606846976"\n}\n')
  })

  it.each([
    [new VeerError('LB_ERR_PIN_MISSING', 'nothing is pinned', { hint: 'attach first' }), Exit.failed, 'veer: nothing is pinned; attach first\n'],
    [new VeerError('LB_ERR_PIN_MISSING', 'nothing is pinned'), Exit.failed, 'veer: nothing is pinned\n'],
    [new Error('boom'), Exit.failed, 'veer: boom; this is a defect of veer, --verbose shows where\n'],
    ['text', Exit.failed, 'veer: text; this is a defect of veer, --verbose shows where\n'],
  ])('reports %s in one line', (error, code, line) => {
    const codes: number[] = []
    expect(written('stderr', () => codes.push(reportError(error, false)))).toBe(line)
    expect(codes).toEqual([code])
  })

  it('exits with its own code for a broken configuration', () => {
    const problem = { path: 'services[0].vip', line: 3, column: 5, code: 'invalid_value' as never, message: 'no address' }
    const codes: number[] = []
    const text = written('stderr', () => codes.push(reportError(new ConfigError('lb.yaml', [problem, problem]), false)))
    expect(text).toMatchInlineSnapshot(`
      "veer: lb.yaml:3:5: services[0].vip: no address (and 1 more); \`veer check -f lb.yaml\` prints every problem
      "
    `)
    expect(codes).toEqual([Exit.invalidConfig])
  })

  it('prints the whole log of the verifier when asked, and else its end', () => {
    const log = Array.from({ length: 500 }, (_, line) => `${line}: (b7) r0 = ${line}`)
    const error = new VerifierError('xdp_lb', 'EACCES', [...log, 'R0 invalid mem access', 'processed 500 insns'].join('\n'))
    const whole = written('stderr', () => reportError(error, true)).split('\n')
    expect(log.filter((line) => !whole.includes(line))).toEqual([])
    expect(written('stderr', () => reportError(error, false)).split('\n')).toHaveLength(2)
  })

  it('adds the stack when asked', () => {
    expect(written('stderr', () => reportError(new Error('boom'), true))).toContain('text.test.ts')
  })
})
