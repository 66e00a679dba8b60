/** That the conn of a reply is found wherever its entry lies in the index, and behind whatever. */
import { describe, expect, it } from 'vitest'
import { Limit } from '../../src/maps/generated.js'
import { placedConns } from '../support/conn-writer.js'
import { LbFixture } from '../support/lb-fixture.js'
import { expectPacket } from '../support/packet/diff.js'
import { answer, FAMILIES, knowConn, makeNat, PORT, VIP, world, type Family } from './world.js'

const BUCKETS = 64

interface Place {
  bucket: number
  way: number
}

/** A director with one conn of nat, and its entry in the index. */
class Indexed {
  readonly #lb: LbFixture
  readonly #family: Family
  #at: Place

  private constructor(lb: LbFixture, family: Family) {
    this.#lb = lb
    this.#family = family
    const [found] = [...lb.maps.reverse.entries()].flatMap(([bucket, { slot }]) =>
      slot.flatMap(({ tag }, way) => (tag === 0 ? [] : [{ bucket, way }])),
    )
    if (found === undefined) throw new Error('the index is empty')
    this.#at = found
  }

  static async open(family: Family): Promise<Indexed> {
    const table = world((changed) => {
      makeNat(changed, family, 'tcp')
      knowConn(changed, family, 'tcp', 0)
    })
    const lb = await LbFixture.open(table, BUCKETS)
    await lb.openReply()
    return new Indexed(lb, family)
  }

  get #entry(): { tag: number; conn: number } {
    return this.#lb.maps.reverse.get(this.#at.bucket)!.slot[this.#at.way]!
  }

  /** Moves the entry; leaves in its place one that names `instead`, if any. */
  move(way: number, choice: 0 | 1 = 0, instead?: number): void {
    const entry = this.#entry
    this.#write(this.#at, instead === undefined ? { tag: 0, conn: 0 } : { tag: entry.tag, conn: instead })
    const second = Number((BigInt(Math.imul(entry.tag, 0x85ebca6b) >>> 0) * BigInt(BUCKETS)) >> 32n)
    this.#at = { bucket: choice === 0 ? this.#at.bucket : second, way }
    this.#write(this.#at, entry)
    this.#name(entry.conn, 1 + this.#at.bucket * Limit.reverseWays + way)
  }

  /** Makes the conn name the entry beside its own. */
  misname(): void {
    const { bucket, way } = this.#at
    this.#name(this.#entry.conn, 1 + bucket * Limit.reverseWays + ((way + 1) % Limit.reverseWays))
  }

  #name(conn: number, reverse: number): void {
    const { conns } = this.#lb.maps
    const home = Math.floor(conn / Limit.connWays)
    const lies = conns.get(home)!
    lies.conn[conn % Limit.connWays]!.reverse = reverse
    conns.set(home, lies)
  }

  /** A place where no conn is. */
  get emptyPlace(): number {
    const taken = new Set(placedConns(this.#lb.maps).map(({ place }) => place))
    return Array.from({ length: BUCKETS * Limit.connWays }, (_, place) => place).find((place) => !taken.has(place))!
  }

  #write({ bucket, way }: Place, entry: { tag: number; conn: number }): void {
    const all = this.#lb.maps.reverse.get(bucket)!
    all.slot[way] = entry
    this.#lb.maps.reverse.set(bucket, all)
  }

  expectTranslated(): void {
    const out = this.#lb.reply(answer(this.#family, 'tcp', 0, { flags: ['ack'] }).bytes())
    expect(out.verdict).toBe('forwardReply')
    const seen = { src: VIP[this.#family], sport: PORT, ttl: 63, flags: ['ack' as const] }
    expectPacket(out.frame).toEqualPacket(answer(this.#family, 'tcp', 0, seen))
  }

  expectUntouched(): void {
    expect(this.#lb.reply(answer(this.#family, 'tcp', 0, { flags: ['ack'] }).bytes()).verdict).toBe('passNotReply')
  }

  [Symbol.dispose](): void {
    this.#lb[Symbol.dispose]()
  }
}

describe.each(FAMILIES)('the conn of a reply over IPv%i is found', (family) => {
  it('by an entry at any way of the first bucket', async () => {
    using index = await Indexed.open(family)
    for (let way = Limit.reverseWays - 1; way > 0; way--) {
      index.move(way)
      index.expectTranslated()
    }
  })

  it('by an entry in the second bucket', async () => {
    using index = await Indexed.open(family)
    index.move(Limit.reverseWays - 1, 1)
    index.expectTranslated()
  })

  it('behind an entry that was left over, in either bucket', async () => {
    using index = await Indexed.open(family)
    index.move(3, 0, index.emptyPlace)
    index.expectTranslated()
    index.move(5, 1, index.emptyPlace)
    index.expectTranslated()
  })
})

describe.each(FAMILIES)('a packet over IPv%i whose conn names another entry', (family) => {
  it('is left to the host', async () => {
    using index = await Indexed.open(family)
    index.misname()
    index.expectUntouched()
  })
})
