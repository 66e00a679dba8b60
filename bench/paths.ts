/** The ways from generator to sink that are compared: what stands between them, and how it is set up. */
import type { Collection } from '../src/loader/collection.js'
import { attachXdp } from '../src/loader/link.js'
import type { Program } from '../src/loader/program.js'
import type { xdpLb } from '../src/maps/generated.js'
import { macBytes } from '../src/net/mac.js'
import { fillTables, realMac, realsOf, VIP4, WAY_OUT_MAC } from './director.js'
import { type BenchLab, type Row, run } from './lab.js'
import type { liveObject } from './objects.js'

/** Of the service that the frames are for. */
const REALS = realsOf('dns4')
const FIRST_REAL = REALS[0] ?? ''
/** As bench/bpf/live.c. */
const LIMIT_REALS = 128

type Live = Collection<typeof liveObject>

export interface PathContext {
  lab: BenchLab
  live: Live
  dataplane: Collection<typeof xdpLb>
}

export interface Path {
  name: string
  title: string
  setUp(row: Row, context: PathContext): void
}

/** Native XDP on the director's interface for as long as the row is there. */
function attach(row: Row, program: Program): void {
  row.links.push(row.director.run(() => attachXdp(program, { ifindex: row.d0, mode: 'native' }).link))
}

function setUpTx(row: Row, { live }: PathContext): void {
  attach(row, live.programs.bounce)
}

function setUpLimit(row: Row, { live }: PathContext): void {
  const srcMac = macBytes(WAY_OUT_MAC)
  for (let index = 0; index < LIMIT_REALS; index++) {
    live.maps.reals.set(index, { mac: macBytes(realMac(REALS[index % REALS.length] ?? FIRST_REAL)), srcMac })
  }
  row.director.run(() => live.maps.wayOut.set(0, row.d1))
  attach(row, live.programs.drLimit)
}

function setUpVeer(row: Row, { dataplane }: PathContext): void {
  row.director.run(() => fillTables(dataplane.maps, { ingress: row.d0, egress: row.d1 }))
  attach(row, dataplane.programs.xdpLb)
}

/** Addresses, neighbours and forwarding by the kernel. */
function setUpRouter({ directorName }: Row): void {
  const neighbours = REALS.map((real) => `neigh add ${real} lladdr ${realMac(real)} dev d1 nud permanent`)
  const lines = ['addr add 192.0.2.1/24 dev d0', 'addr add 10.2.255.254/16 dev d1', ...neighbours]
  run('ip', ['-n', directorName, '-batch', '-'], `${lines.join('\n')}\n`)
  run('ip', ['netns', 'exec', directorName, 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
}

function setUpForwarding(row: Row): void {
  setUpRouter(row)
  run('ip', ['-n', row.directorName, 'route', 'add', VIP4, 'via', FIRST_REAL, 'dev', 'd1'])
}

function setUpNftables(row: Row): void {
  setUpRouter(row)
  const targets = REALS.map((real, index) => `${index} : ${real}`).join(', ')
  const rule = `ip daddr ${VIP4} udp dport 53 dnat to jhash ip saddr . udp sport mod ${REALS.length} map { ${targets} }`
  const hook = 'type nat hook prerouting priority dstnat; policy accept;'
  run('ip', ['netns', 'exec', row.directorName, 'nft', '-f', '-'], `table ip bench { chain in { ${hook} ${rule}\n}\n}\n`)
}

export const PATHS = [
  { name: 'tx', title: 'XDP_TX, nothing else', setUp: setUpTx },
  { name: 'limit', title: 'stateless hash + MAC + redirect: the limit for DR', setUp: setUpLimit },
  { name: 'veer', title: 'veer, DR, redirect to the interface of the reals', setUp: setUpVeer },
  { name: 'forward', title: 'kernel IP forwarding, no balancing', setUp: setUpForwarding },
  { name: 'nft', title: 'nftables DNAT by jhash, conntrack', setUp: setUpNftables },
] as const satisfies readonly Path[]

export type PathName = (typeof PATHS)[number]['name']
