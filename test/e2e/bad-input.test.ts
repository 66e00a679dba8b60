import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { exec, type Output } from '../../lab/host.js'
import { Lab } from '../../lab/topology.js'
import type { Finding } from '../../src/control/doctor.js'
import type { ServiceList } from '../../src/control/service-list.js'
import type { ConfigFile } from './support.js'
import { answersOf, configOf, failureLine, traces, url, veer, veerJson } from './support.js'

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Nobody has it. */
const SILENT = '10.0.0.99'

let lab: Lab
let config: ConfigFile
let before: object

beforeAll(async () => {
  lab = await Lab.create({ reals: 2 })
  config = configOf(lab)
})

afterAll(async () => {
  await lab[Symbol.asyncDispose]()
})

const write = (edit: Partial<ConfigFile> = {}): string => lab.writeConfig({ ...config, ...edit })

/** Runs veer by way of another program, which takes something away from it. */
const veerBy = (command: string, args: string[], ...veerArgs: string[]): Promise<Output> =>
  exec(command, [...args, file('bin/veer'), ...lab.veerOptions, ...veerArgs])

describe('with nothing attached, one line says what is wrong and nothing is left', () => {
  beforeEach(() => {
    before = traces(lab)
  })

  afterEach(() => {
    expect(traces(lab)).toEqual(before)
  })

  it.each([
    {
      what: 'a value that is none',
      text: 'version: 1\ninterfaces: [eth0]\nservices:\n  - name: web\n    vip: nowhere\n    port: 80\n    reals: []\n',
      where: '5:10: services[0].vip: ',
    },
    {
      what: 'an unknown key',
      text: 'version: 1\ninterfaces: [eth0]\nservices: []\nsurprise: 1\n',
      where: '4:11: surprise: ',
    },
    { what: 'a key of a later version', text: 'version: 1\ninterfaces: [eth0]\nservices: []\napi: {}\n', where: '4:6: api: ' },
    { what: 'no YAML', text: 'version: [1\n', where: '2:1: ' },
  ])('a broken file ($what): exit code 3 and the place', async ({ text, where }) => {
    const broken = lab.writeFile('broken.yaml', text)
    const line = failureLine(await lab.veer(['attach', '-f', broken]), 3)
    expect(line.startsWith(`veer: ${broken}:${where}`), line).toBe(true)
    expect(line).toContain('veer check -f')
  })

  it.each(['plan', 'apply', 'run'])('veer %s refuses a broken file in the same way', async (verb) => {
    const broken = lab.writeFile('broken.yaml', 'version: 1\n')
    expect(failureLine(await lab.veer([verb, '-f', broken]), 3)).toContain(`${broken}:1:1: `)
  })

  it('check prints every problem of a broken file, one a line, on stdout', async () => {
    const text = 'version: 2\ninterfaces: [eth0]\nservices:\n  - { name: Web, vip: 10.0.0.100, port: -1, reals: [x] }\n'
    const broken = lab.writeFile('broken.yaml', text)
    const { code, stdout, stderr } = await lab.veer(['check', '-f', broken])
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' })
    const places = stdout.trimEnd().split('\n').map((line) => line.slice(broken.length + 1).replace(/: .*/, ''))
    expect(places).toEqual(['1:10', '4:13', '4:41', '4:53'])
  })

  it('a file that is not there', async () => {
    const line = failureLine(await lab.veer(['attach', '-f', '/no/such.yaml']))
    expect(line).toContain('/no/such.yaml: there is no such file')
  })

  it('an interface that is not there, with those that are', async () => {
    const line = failureLine(await lab.veer(['attach', '-f', write({ interfaces: ['eth7'] })]))
    expect(line).toMatch(/no interface eth7 in .*director; there are: .*eth0/)
  })

  it('an interface that is no Ethernet link', async () => {
    const line = failureLine(await lab.veer(['attach', '-f', write({ interfaces: ['lo'] })]))
    expect(line).toContain('lo has no MAC')
  })

  it('a real on no network of the interfaces', async () => {
    const [first] = config.services
    const service = { ...first, name: 'far', vip: '10.0.0.100', port: 80, reals: ['198.51.100.7'] }
    const line = failureLine(await lab.veer(['attach', '-f', write({ services: [service] })]))
    expect(line).toContain('dr cannot reach 198.51.100.7 of far: on no network of eth0')
  })

  it.each([
    ['CAP_BPF', 'bpf'],
    ['CAP_PERFMON', 'perfmon'],
    ['CAP_NET_ADMIN', 'net_admin'],
    ['CAP_NET_RAW', 'net_raw'],
    ['CAP_SYS_ADMIN', 'sys_admin'],
  ])('without %s, which is named', async (capability, name) => {
    const dropped = [`--bounding-set=-${name}`, `--inh-caps=-${name}`]
    const line = failureLine(await veerBy('setpriv', dropped, 'attach', '-f', write()))
    expect(line).toContain(capability)
    expect(line.match(/CAP_\w+/g)).toEqual([capability])
  })

  it('without any privilege, and doctor says so as well', async () => {
    const dropped = ['--bounding-set=-all', '--inh-caps=-all']
    const line = failureLine(await veerBy('setpriv', dropped, 'attach', '-f', write()))
    expect(line).toContain('CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_NET_RAW missing')
  })

  it.each([
    { what: 'no XDP links', command: 28, says: 'has no XDP attached by bpf_link; use Linux 5.9 or newer' },
    { what: 'no xdp.frags', command: 5, says: 'has no XDP programs for frames of several buffers' },
  ])('a kernel with $what: its version and what to use', async ({ command, says }) => {
    // bpf(2) refuses the command with EINVAL, as kernels do that do not know it, and uname tells of an old one.
    const refuse = ['--uname-2.6', 'python3', file('test/e2e/refuse-bpf.py'), `${command}`, '22']
    const line = failureLine(await veerBy('setarch', refuse, 'attach', '-f', write()))
    expect(line).toMatch(/^veer: this kernel \(2\.6\./)
    expect(line).toContain(says)
  })

  it.each([
    ['the kernel refuses the link', 28, 'cannot attach the XDP program xdp_lb to eth0'],
    ['the kernel refuses the program', 5, 'cannot load xdp_lb'],
    ['nothing can be pinned', 6, 'EPERM'],
  ])('when %s for another reason', async (_what, command, says) => {
    const refuse = [file('test/e2e/refuse-bpf.py'), `${command}`, '1']
    const line = failureLine(await veerBy('python3', refuse, 'attach', '-f', write()))
    expect(line).toContain(says)
  })

  it.each([['list'], ['stats'], ['detach'], ['plan', '-f'], ['apply', '-f']])('veer %s: not attached', async (...args) => {
    const line = failureLine(await lab.veer(args.includes('-f') ? [...args, write()] : args))
    expect(line).toContain(`instance ${lab.name} is not attached`)
  })

  it('a namespace that is not there', async () => {
    const { veerOptions } = lab
    const options = veerOptions.map((option) => (option === lab.director.netns ? 'no-such' : option))
    const line = failureLine(await exec(file('bin/veer'), [...options, 'attach', '-f', write()]))
    expect(line).toContain('cannot enter network namespace no-such')
  })

  it.each([
    ['no file', ['attach'], "required option '-f, --file <file>' not specified"],
    ['an unknown command', ['forward'], "unknown command 'forward'"],
    ['an unknown option', ['list', '--jsno'], "unknown option '--jsno'"],
    ['too many arguments', ['list', 'all'], 'too many arguments'],
    ['no name of an instance', ['--instance', 'No Name', 'list'], 'is no instance name'],
  ])('wrong usage (%s): exit code 2', async (_what, args, says) => {
    expect(failureLine(await lab.veer(args), 2)).toContain(says)
  })
})

describe('an interface with another XDP program', () => {
  it.each(['xdpdrv', 'xdpgeneric'])('(%s) is left to it, and the program is named', async (mode) => {
    lab.director.shell(`ip link set dev eth0 ${mode} obj ${file('build/bpf/test/lab_pass.o')} sec xdp.frags`)
    try {
      const taken = traces(lab)
      const line = failureLine(await lab.veer(['attach', '-f', write()]))
      expect(line).toMatch(/eth0 already runs the XDP program lab_pass \(id \d+, (native|generic)\)/)
      expect(line).toContain(`ip link set dev eth0 ${mode === 'xdpdrv' ? 'xdp' : mode} off`)
      expect(traces(lab)).toEqual(taken)
    } finally {
      lab.director.shell(`ip link set dev eth0 ${mode} off`)
    }
  })
})

describe('while attached', () => {
  afterEach(async () => {
    await lab.veer(['detach'])
  })

  it('a second attach is refused and the first goes on', async () => {
    const path = write()
    await veer(lab, 'attach', '-f', path)
    const attached = traces(lab)
    expect(failureLine(await lab.veer(['attach', '-f', path]))).toContain('is attached already')
    expect(traces(lab)).toEqual(attached)
    await expect(answersOf(lab, '10.0.0.100', 2)).resolves.toEqual({ real1: 1, real2: 1 })
  })

  it('the wrong --netns is refused by all that would change or read interfaces', async () => {
    await veer(lab, 'attach', '-f', write())
    const options = lab.veerOptions.map((option) => (option === lab.director.netns ? lab.client.netns : option))
    for (const args of [['plan', '-f', write()], ['apply', '-f', write()], ['detach']]) {
      const line = failureLine(await exec(file('bin/veer'), [...options, ...args]))
      expect(line).toContain('attached in another network namespace')
    }
    await expect(answersOf(lab, '10.0.0.100', 2)).resolves.toEqual({ real1: 1, real2: 1 })
  })

  it('a broken file or a real off the link changes nothing', async () => {
    await veer(lab, 'attach', '-f', write())
    const [first] = config.services
    const off = { ...first, name: 'far', vip: '10.0.0.100', port: 80, reals: ['198.51.100.7'] }
    failureLine(await lab.veer(['apply', '-f', write({ services: [off] })]))
    failureLine(await lab.veer(['apply', '-f', lab.writeFile('broken.yaml', 'version: 1\n')]), 3)
    failureLine(await lab.veer(['apply', '-f', write({ interfaces: ['eth0', 'eth7'] })]))
    await expect(veer(lab, 'plan', '-f', write())).resolves.toBe('no changes\n')
  })

  it('another size of the conn table is refused, with the size there is', async () => {
    await veer(lab, 'attach', '-f', write())
    const line = failureLine(await lab.veer(['apply', '-f', write({ conns: { max: 1000 } })]))
    expect(line).toContain('keep max: 200000')
  })

  it('a real that nobody answers for: attach warns, it gets no slots, the others serve, doctor names it', async () => {
    const services = config.services.map((service) =>
      service.vip === '10.0.0.100' ? { ...service, reals: [...service.reals, SILENT] } : service,
    )
    const { code, stdout, stderr } = await lab.veer(['attach', '-f', write({ services })])
    expect(code).toBe(0)
    expect(stdout).toContain('attached instance')
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stderr).toContain(`no answer to ARP or ND from ${SILENT}:`)
    await expect(answersOf(lab, '10.0.0.100', 6)).resolves.toEqual({ real1: 3, real2: 3 })

    const { services: listed } = await veerJson<ServiceList>(lab, 'list')
    const silent = listed[0]?.destinations.find(({ address }) => address === SILENT)
    expect(silent).toMatchObject({ weight: 1, effectiveWeight: 0, mac: null })
    const doctor = await lab.veer(['doctor', '--json'])
    const { findings } = JSON.parse(doctor.stdout) as { findings: Finding[] }
    expect(doctor.code).toBe(1)
    expect(findings.filter(({ status }) => status === 'failure').map(({ subject }) => subject)).toEqual([SILENT])
  })

  it.each([
    { noReal: 'reject', curl: "Couldn't connect", kind: 'verdicts', name: 'reply_no_real' },
    { noReal: 'drop', curl: 'timed out', kind: 'drops', name: 'no_real' },
  ] as const)('no real that answers, noReal: $noReal: clients see it, and stats say why', async ({ noReal, curl, kind, name }) => {
    const services = config.services.map((service) => ({
      ...service,
      noReal,
      reals: [service.vip.includes(':') ? '2001:db8:2::99' : SILENT],
    }))
    const { code } = await lab.veer(['attach', '-f', write({ services })])
    expect(code).toBe(0)
    await expect(lab.client.curl(url('10.0.0.100'), ['--max-time', '0.5'])).rejects.toThrow(curl)
    const counts = await veerJson<Record<typeof kind, Record<string, string>>>(lab, 'stats')
    expect(Number(counts[kind][name])).toBeGreaterThan(0)
  })
})
