import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Collection } from '../../src/loader/collection.js'
import { attachClsact, clsactProgram, detachClsact, removeClsact } from '../../src/loader/clsact.js'
import type { TcDirection } from '../../src/loader/link.js'
import { attachTcx, attachXdp } from '../../src/loader/link.js'
import { PinDirectory } from '../../src/loader/pin.js'
import { native } from '../../src/native.js'
import { TestNetwork } from './network.js'
import { loaderMaps, parseTestObject } from './objects.js'

let shared: Collection<typeof loaderMaps>
let network: TestNetwork
let bpffs: string

beforeAll(async () => {
  shared = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
  bpffs = mkdtempSync(join(tmpdir(), 'veer-bpffs-'))
  execFileSync('mount', ['-t', 'bpf', 'bpffs', bpffs])
})

afterAll(() => {
  shared.close()
  execFileSync('umount', [bpffs])
  rmdirSync(bpffs)
})

beforeEach(() => {
  network = new TestNetwork()
})

afterEach(() => network.close())

describe('attaching XDP', () => {
  it.each([
    ['veth0', 'auto', 'native'],
    ['veth0', 'native', 'native'],
    ['veth0', 'generic', 'generic'],
    ['lo', 'auto', 'generic'],
  ] as const)('to %s, mode %s, is %s', (name, mode, expected) => {
    const ifindex = network.ifindex(name)
    const { link, mode: got } = network.enter(() => attachXdp(shared.programs.note, { ifindex, mode }))
    expect(got).toBe(expected)
    const programId = shared.programs.note.id
    expect(network.enter(() => native().queryXdp(ifindex))).toEqual({ programId, mode: expected })
    expect(link.info()).toMatchObject({ programId, ifindex })
    link.close()
    expect(network.enter(() => native().queryXdp(ifindex)).programId).toBe(0)
  })

  it('replaces the program in place', () => {
    const ifindex = network.ifindex('veth0')
    const { link } = network.enter(() => attachXdp(shared.programs.note, { ifindex }))
    link.update(shared.programs.dropAll)
    expect(network.enter(() => native().queryXdp(ifindex)).programId).toBe(shared.programs.dropAll.id)
    const { note } = shared.programs
    expect(() => link.update(note, note)).toThrow(expect.objectContaining({ code: 'EPERM' }))
    link.close()
  })

  it.each([
    ['native', 'native', 'xdp'],
    ['generic', 'generic', 'xdpgeneric'],
    ['generic', 'native', 'xdpgeneric'],
  ] as const)('next to a program in %s mode is refused (%s), naming that program', (first, second, device) => {
    const ifindex = network.ifindex('veth0')
    const { link } = network.enter(() => attachXdp(shared.programs.dropAll, { ifindex, mode: first }))
    const attach = () => network.enter(() => attachXdp(shared.programs.note, { ifindex, mode: second }))
    expect(attach).toThrow(
      expect.objectContaining({
        code: 'LB_ERR_INTERFACE_BUSY',
        message: `veth0 already runs the XDP program drop_all (id ${shared.programs.dropAll.id}, ${first})`,
        hint: expect.stringContaining(`ip link set dev veth0 ${device} off`),
      }),
    )
    link.close()
  })

  it('says that a driver has no native XDP', () => {
    const ifindex = network.ifindex('lo')
    const attach = () => network.enter(() => attachXdp(shared.programs.note, { ifindex, mode: 'native' }))
    expect(attach).toThrow(
      expect.objectContaining({ code: 'LB_ERR_XDP_UNSUPPORTED', message: 'the driver of lo has no native XDP' }),
    )
  })

  it('says that there is no such interface', () => {
    const attach = () => network.enter(() => attachXdp(shared.programs.note, { ifindex: 9999 }))
    expect(attach).toThrow(expect.objectContaining({ code: 'LB_ERR_INTERFACE_MISSING' }))
  })

  it('says when the program is none for XDP', () => {
    const ifindex = network.ifindex('veth0')
    const attach = () => network.enter(() => attachXdp(shared.programs.constants, { ifindex }))
    expect(attach).toThrow(/^cannot attach the XDP program constants to veth0 \(native\): E/)
  })
})

describe('attaching by TCX', () => {
  it.each(['ingress', 'egress'] as const)('%s', (direction) => {
    const ifindex = network.ifindex('veth0')
    const link = network.enter(() => attachTcx(shared.programs.constants, { ifindex, direction }))
    expect(link.info()).toMatchObject({ ifindex, programId: shared.programs.constants.id })
    link.detach()
    expect(link.info().ifindex).toBe(0)
    link.close()
  })

  it('says that there is no such interface', () => {
    const options = { ifindex: 9999, direction: 'ingress' } as const
    const attach = () => network.enter(() => attachTcx(shared.programs.constants, options))
    expect(attach).toThrow(expect.objectContaining({ code: 'LB_ERR_INTERFACE_MISSING' }))
  })
})

describe('attaching by clsact', () => {
  const place = (ifindex: number, direction: TcDirection) => ({ ifindex, direction, handle: 7, priority: 3 })

  it.each(['ingress', 'egress'] as const)('%s', (direction) => {
    const at = place(network.ifindex('veth0'), direction)
    const { constants } = shared.programs
    network.enter(() => {
      expect(clsactProgram(at)).toBe(0)
      expect(attachClsact(constants, at)).toBe(true)
      expect(attachClsact(constants, at)).toBe(false)
      expect(clsactProgram(at)).toBe(constants.id)
      expect(clsactProgram({ ...at, handle: 8 })).toBe(0)
      expect(detachClsact(at)).toBe(true)
      expect(detachClsact(at)).toBe(false)
      expect(removeClsact(at.ifindex)).toBe(true)
      expect(removeClsact(at.ifindex)).toBe(false)
      expect(detachClsact(at)).toBe(false)
    })
  })

  it('says that there is no such interface', () => {
    const at = place(9999, 'ingress')
    const missing = expect.objectContaining({ code: 'LB_ERR_INTERFACE_MISSING' })
    network.enter(() => {
      expect(() => attachClsact(shared.programs.constants, at)).toThrow(missing)
      expect([clsactProgram(at), detachClsact(at), removeClsact(9999)]).toEqual([0, false, false])
    })
  })

  it('says when the program is none for TC', () => {
    const at = place(network.ifindex('veth0'), 'ingress')
    const attach = () => network.enter(() => attachClsact(shared.programs.note, at))
    expect(attach).toThrow(/^cannot attach the program note to veth0 \(clsact ingress\): E/)
  })
})

describe('pins', () => {
  let pins: PinDirectory

  beforeEach(() => {
    pins = new PinDirectory(join(bpffs, 'instance'))
  })

  afterEach(() => pins.removeAll())

  it('keep maps, typed and checked when opened again', () => {
    shared.maps.cells.set(3, 33)
    pins.pinMaps(loaderMaps, shared.maps)
    pins.pinMaps(loaderMaps, shared.maps)
    expect(pins.list('maps')).toEqual(Object.values(loaderMaps.maps).map(({ name }) => name).sort())
    const maps = pins.openMaps(loaderMaps)
    expect(maps.cells.get(3)).toBe(33)
    expect(maps.portsOut.id).toBe(shared.maps.portsOut.id)
    for (const map of Object.values(maps)) map.close()
  })

  it('refuse a map of another kind', () => {
    pins.pin('maps', 'points', shared.maps.cells)
    expect(() => pins.openMap(loaderMaps.maps.points)).toThrow(
      `cannot use the map pinned as ${pins.pathOf('maps', 'points')}: its type is array, expected hash`,
    )
  })

  it('leave nothing pinned when one of the maps cannot be', async () => {
    const other = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    other.maps.events.close()
    expect(() => pins.pinMaps(loaderMaps, other.maps)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(pins.list('maps')).toEqual([])
    other.close()
  })

  it('keep a program attached after its link is closed, until the pin goes', async () => {
    const ifindex = network.ifindex('veth0')
    const { link } = network.enter(() => attachXdp(shared.programs.note, { ifindex }))
    pins.pin('links', 'veth0', link)
    pins.pin('programs', 'note', shared.programs.note)
    link.close()
    const attached = (): number => network.enter(() => native().queryXdp(ifindex)).programId
    expect(attached()).toBe(shared.programs.note.id)
    const again = pins.openLink('veth0')
    const program = pins.openProgram('note')
    expect([again.info().programId, program.id]).toEqual([attached(), attached()])
    again.close()
    program.close()
    pins.removeAll()
    // The kernel lets go of a link in a work queue of its own.
    await vi.waitFor(() => expect(attached()).toBe(0), { timeout: 10_000 })
    expect(existsSync(pins.path)).toBe(false)
  })

  it('replace what a name stands for', () => {
    const { note, dropAll } = shared.programs
    for (const program of [note, dropAll, note]) {
      pins.replace('programs', 'main', program)
      using opened = pins.openProgram('main')
      expect(opened.id).toBe(program.id)
    }
    expect(pins.list('programs')).toEqual(['main'])
  })

  it('say when nothing is pinned', () => {
    expect(() => pins.openLink('eth0')).toThrow(expect.objectContaining({ code: 'LB_ERR_PIN_MISSING' }))
    expect(() => pins.openMaps(loaderMaps)).toThrow(expect.objectContaining({ code: 'LB_ERR_PIN_MISSING' }))
  })
})
