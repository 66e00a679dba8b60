/** The demo: builds a lab, runs the veer command in it, and shows what happens. `scripts/demo` starts it. */
import { parseArgs } from 'node:util'
import { readFileSync } from 'node:fs'
import { removeLab } from './cleanup.js'
import type { HttpAnswer, Output } from './host.js'
import { Lab } from './topology.js'

const REQUESTS = 30

/** A lab that stays has a name that is easy to type. */
const KEPT = 'veer-demo'

const USAGE = `Usage: scripts/demo [--keep | --remove]
  --keep     leave the lab running and say how to try things by hand
  --remove   remove the lab that --keep left`

const say = (text: string): void => console.log(text)

const title = (text: string): void => say(`\n== ${text}`)

const host = (address: string): string => (address.includes(':') ? `[${address}]` : address)

/** Runs veer in the lab and shows both the command and what it printed. */
async function veer(lab: Lab, ...args: string[]): Promise<void> {
  say(`$ veer ${args.join(' ')}`)
  const { code, stdout, stderr }: Output = await lab.veer(args)
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  if (code !== 0) throw new Error(`veer ${args[0]} failed with exit code ${code}`)
}

/** Sends the requests one after the other, each on a connection of its own. */
async function answersFrom(lab: Lab, vip: string): Promise<HttpAnswer[]> {
  const answers: HttpAnswer[] = []
  while (answers.length < REQUESTS) answers.push(await lab.client.get(`http://${host(vip)}/`))
  return answers
}

/** How often each value occurs, in the order of the values. */
function countEach(values: readonly string[]): [string, number][] {
  return [...new Set(values)].sort().map((value) => [value, values.filter((other) => other === value).length])
}

async function showRequests(lab: Lab): Promise<void> {
  for (const vip of lab.vips) {
    title(`${REQUESTS} requests from the client to http://${host(vip)}/`)
    const answers = await answersFrom(lab, vip)
    for (const [real, count] of countEach(answers.map(({ real }) => real))) say(`${real} answered ${count}`)
    for (const [client] of countEach(answers.map(({ client }) => client))) say(`the reals see the client as ${client}`)
  }
  const { requests, replies } = lab.directorCounters()
  say(`\nthe director got ${requests} packets from the client and ${replies} of the replies`)
}

async function demonstrate(lab: Lab): Promise<void> {
  const file = lab.writeConfig(lab.config())
  title(`The configuration, ${file}`)
  process.stdout.write(readFileSync(file, 'utf8'))
  title('Attaching')
  await veer(lab, 'attach', '-f', file)
  await showRequests(lab)
  title('The service table')
  await veer(lab, 'list')
  await veer(lab, 'list', '--stats')
  title('Every packet by its verdict')
  await veer(lab, 'stats')
}

function showHowToGoOn(lab: Lab): void {
  const enter = (netns: string): string => `nsenter --net=/run/netns/${netns}`
  const command = `bin/veer ${lab.veerOptions.join(' ')}`
  const [vip = ''] = lab.vips
  title('The lab stays. To try things by hand:')
  say(`${enter(lab.client.netns)} curl http://${host(vip)}/`)
  say(`${command} list --stats`)
  say(`edit ${lab.bpffs.replace(/bpf$/, 'veer.yaml')}, then`)
  say(`${command} plan -f ${lab.bpffs.replace(/bpf$/, 'veer.yaml')}`)
  say(`${enter(lab.real(1).netns)} tcpdump -ni eth0`)
  say('\nTo remove it:\nscripts/demo --remove')
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { keep: { type: 'boolean' }, remove: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help === true) return say(USAGE)
  if (values.remove === true) return removeLab(KEPT)
  title('Building the lab: client, router, switch, director, three reals')
  const lab = await Lab.create(values.keep === true ? { name: KEPT } : {})
  try {
    await demonstrate(lab)
    if (values.keep === true) {
      showHowToGoOn(lab)
      lab.keep()
      return
    }
    title('Detaching')
    await veer(lab, 'detach')
  } catch (error) {
    lab.close()
    throw error
  }
  await lab[Symbol.asyncDispose]()
  say('the lab is removed')
}

main().catch((error: unknown) => {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
