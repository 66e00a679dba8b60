import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { DR_VIP, FAMILIES, NAT_VIP, serviceFor, twoArm, twoArmConfig, VIP_PORT } from '../../lab/two-arm.js'

/** Three fragments each way. */
const DATAGRAM = `echo ${'0123456789abcdef'.repeat(250)}`

const CASES = (['nat', 'dr'] as const).flatMap((forward) => FAMILIES.map(({ family }) => ({ forward, family })))

describe('datagrams in fragments', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm() })
    director = new LabDirector(network)
    const services = CASES.map(({ forward, family }) =>
      serviceFor({ name: `echo-${forward}-${family}`, forward, family, protocol: 'udp' }),
    )
    await director.attach(twoArmConfig(services))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  it.each(CASES)('$forward, IPv$family: go whole to one real, and its answer comes back whole', async ({ forward, family }) => {
    const vip = forward === 'dr' ? DR_VIP[family] : NAT_VIP[family]
    const count = (name: string): number => director.verdicts()[name] ?? 0
    const names = ['forward_fragment', 'forward_reply_fragment', 'drop_fragment']
    const before = names.map(count)
    const answers: (string | undefined)[] = []
    while (answers.length < 6) {
      const answer = await network.client.udp(vip, VIP_PORT, DATAGRAM, 5000)
      answers.push(answer?.replace(DATAGRAM, ' echoes'))
    }
    expect(answers.sort()).toEqual(['real1', 'real1', 'real2', 'real2', 'real3', 'real3'].map((real) => `${real} echoes`))
    // After the first fragment of each two come, and replies of direct routing do not come here.
    const after = names.map(count)
    expect(after.map((now, index) => now - (before[index] ?? 0))).toEqual([12, forward === 'nat' ? 12 : 0, 0])
  })
})
