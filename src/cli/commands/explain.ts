import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { explainPacket } from '../../control/explain.js'
import { familyOf } from '../../net/address.js'
import type { Endpoint, EndpointPattern } from '../../net/endpoint.js'
import { parseEndpointPattern } from '../../net/endpoint.js'
import { parseMac } from '../../net/mac.js'
import type { PacketFields, TcpFlag } from '../../net/packet.js'
import { TCP_FLAG_NAMES } from '../../net/packet.js'
import { NetworkNamespace } from '../../system/netns.js'
import { formatExplained } from '../explain-text.js'
import { globalOptions, openInstance } from '../options.js'
import { print, printJson } from '../output.js'
import { verdictMeaning } from '../verdict-text.js'

interface Options {
  from: EndpointPattern
  to: EndpointPattern
  proto: PacketFields['protocol']
  flags: TcpFlag[]
  interface?: string
  fromMac?: string
  ping: boolean
  json: boolean
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('what the dataplane would do with a packet, and why; changes nothing')
    .requiredOption('--from <endpoint>', 'ADDRESS:PORT of the client; icmp: ADDRESS[:IDENTIFIER]', endpointOf)
    .requiredOption('--to <endpoint>', 'ADDRESS:PORT that it is for; icmp: ADDRESS', endpointOf)
    .addOption(protocolOption())
    .option('--flags <flags>', 'of tcp: SYN, ACK, FIN, RST, PSH, URG, ECE, CWR, joined by |', flagsOf, ['SYN'] as TcpFlag[])
    .option('--ping', 'of tcp: the SYN of a gateway ping', false)
    .option('--interface <name>', 'where it comes in; default: the first attached')
    .option('--from-mac <mac>', "the frame's source MAC; default: nobody's", macOf)
    .option('--json', 'print JSON', false)
    .action(async ({ from, to, proto: protocol, flags, ping, json, ...way }: Options, command: Command) => {
      const wrong = mistakeIn({ from, to, protocol, ping })
      if (wrong !== undefined) command.error(`error: ${wrong}`)
      const options = globalOptions(command)
      using instance = openInstance(options)
      const packet = { from: endpoint(from), to: endpoint(to), protocol, flags, ping }
      const request = { ...packet, interface: way.interface, fromMac: way.fromMac }
      const explained = await explainPacket(instance, NetworkNamespace.open(options.netns), request)
      if (json) printJson({ ...explained, meaning: verdictMeaning(explained.verdict) })
      else print(formatExplained(explained))
    })
}

function protocolOption(): Option {
  return new Option('--proto <protocol>', 'icmp: an echo request').choices(['tcp', 'udp', 'icmp']).makeOptionMandatory()
}

function mistakeIn({ from, to, protocol, ping }: Pick<Options, 'from' | 'to' | 'ping'> & { protocol: Options['proto'] }): string | undefined {
  if (ping && protocol !== 'tcp') return '--ping is of tcp'
  if (familyOf(from.address) !== familyOf(to.address)) return '--from and --to are of different families'
  const withoutPort = from.port === undefined || to.port === undefined
  return protocol !== 'icmp' && withoutPort ? `${protocol} needs a port behind both addresses` : undefined
}

/** Of icmp a port may be left out. */
const endpoint = ({ address, port }: EndpointPattern): Endpoint => ({ address, port: port ?? 0 })

function endpointOf(text: string): EndpointPattern {
  const parsed = text.includes('/') ? undefined : parseEndpointPattern(text)
  if (parsed !== undefined) return parsed
  throw new InvalidArgumentError('Write 10.0.0.1:80 or [2001:db8::1]:80')
}

function flagsOf(text: string): TcpFlag[] {
  const names = text.toUpperCase().split(/[|,]/)
  const isFlag = (name: string): name is TcpFlag => (TCP_FLAG_NAMES as readonly string[]).includes(name)
  if (names.every(isFlag)) return names
  throw new InvalidArgumentError(`Known are ${TCP_FLAG_NAMES.join(', ')}, joined by |`)
}

function macOf(text: string): string {
  const mac = parseMac(text)
  if (mac !== undefined) return mac
  throw new InvalidArgumentError('Write 02:00:00:00:00:01')
}
