// The cheapest backend that answers right: raw node:net, three versions on three ports, one process. Never parses more of a request
// than it must, and never allocates an answer. Prints its ports as one line of JSON; ends when its standard input does.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export const versions = ['v1', 'v2', 'v3'] as const
export type Version = (typeof versions)[number]
export type Ports = Readonly<Record<Version, number>>

const sizes: Readonly<Record<string, number>> = { '/': 13, '/post': 13, '/1k': 1024, '/64k': 65_536, '/1m': 1_048_576 }

/** What every answer of a version holds, over and over, cut at the size of its path. */
export function bodyOf(version: Version, bytes: number): Buffer {
  return Buffer.alloc(bytes, `hello from ${version}`)
}

export function bodyOfPath(version: Version, path: string): Buffer {
  return bodyOf(version, sizes[path] ?? 0)
}

let connections = 0

/** One connection: a little state for bodies that come in pieces. */
class BackendConnection {
  readonly #socket: Socket
  readonly #version: Version
  readonly #answers: Answers
  readonly #number = ++connections
  #held: Buffer | undefined
  /** Bytes of a request body still to come, and the answer that waits for them. */
  #bodyLeft = 0
  #chunked = false
  #received = 0

  constructor(socket: Socket, version: Version, answers: Answers) {
    this.#socket = socket
    this.#version = version
    this.#answers = answers
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => socket.destroy())
  }

  #read(chunk: Buffer): void {
    let data = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = undefined
    while (data.length > 0) {
      const rest = this.#step(data)
      if (rest === undefined) {
        this.#held = data
        return
      }
      data = rest
    }
  }

  /** Takes a head or a part of a body; undefined asks for more bytes. */
  #step(data: Buffer): Buffer | undefined {
    if (this.#chunked) return this.#readChunk(data)
    if (this.#bodyLeft > 0) return this.#readBody(data)
    const end = data.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    this.#readHead(data.toString('latin1', 0, end))
    return data.subarray(end + 4)
  }

  #readHead(head: string): void {
    const lineEnd = head.indexOf('\r\n')
    const line = lineEnd < 0 ? head : head.slice(0, lineEnd)
    const [method, target = '/'] = line.split(' ', 2) as [string, string?]
    if (method === 'POST') {
      this.#received = 0
      this.#bodyLeft = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
      this.#chunked = /^transfer-encoding: *chunked/im.test(head)
      if (this.#bodyLeft === 0 && !this.#chunked) this.#answerPost()
      return
    }
    const closes = /^connection: *close/im.test(head)
    const answer = this.#answerTo(method, target, head)
    this.#socket.write(closes ? sayingClose(answer) : answer)
    if (closes) this.#socket.end()
  }

  #answerTo(method: string, target: string, head: string): Buffer {
    if (target === '/echo') return Buffer.from(echo(this.#version, this.#number, head), 'latin1')
    return method === 'HEAD' ? this.#answers.headOnly(target) : this.#answers.whole(target)
  }

  #readBody(data: Buffer): Buffer {
    const taken = Math.min(data.length, this.#bodyLeft)
    this.#bodyLeft -= taken
    this.#received += taken
    if (this.#bodyLeft === 0 && !this.#chunked) this.#answerPost()
    return data.subarray(taken)
  }

  #readChunk(data: Buffer): Buffer | undefined {
    const lineEnd = data.indexOf('\r\n')
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(data.toString('latin1', 0, lineEnd), 16)
    const chunkEnd = lineEnd + 2 + size + 2
    if (data.length < chunkEnd) return undefined
    this.#received += size
    if (size === 0) {
      this.#chunked = false
      this.#answerPost()
    }
    return data.subarray(chunkEnd)
  }

  #answerPost(): void {
    const body = bodyOfPath(this.#version, '/post').toString('latin1')
    this.#socket.write(`${headOf(this.#version, 200, body.length)}X-Received: ${this.#received}\r\n\r\n${body}`)
  }
}

class Answers {
  readonly #whole = new Map<string, Buffer>()
  readonly #heads = new Map<string, Buffer>()
  readonly #missing: Buffer

  constructor(version: Version) {
    for (const path of Object.keys(sizes)) {
      const body = bodyOfPath(version, path)
      const head = Buffer.from(`${headOf(version, 200, body.length)}\r\n`)
      this.#heads.set(path, head)
      this.#whole.set(path, Buffer.concat([head, body]))
    }
    const text = bodyOf(version, 13).toString('latin1')
    const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n${text.slice(0, 5)}\r\n8\r\n${text.slice(5)}\r\n0\r\n\r\n`
    this.#whole.set('/chunked', Buffer.from(chunked))
    this.#whole.set('/204', Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'))
    // A 304 may say how long the answer would have been (RFC 9110 8.6); there is no body all the same.
    this.#whole.set('/304', Buffer.from('HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 13\r\n\r\n'))
    this.#missing = Buffer.from(`${headOf(version, 404, 0)}\r\n`)
  }

  whole(path: string): Buffer {
    return this.#whole.get(path) ?? this.#missing
  }

  headOnly(path: string): Buffer {
    return this.#heads.get(path) ?? this.#missing
  }
}

function headOf(version: Version, status: number, length: number): string {
  const fields = `Content-Type: text/plain\r\nContent-Length: ${length}\r\nX-Served-Version: ${version}\r\n`
  return `HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Not Found'}\r\n${fields}`
}

/** Without it a client that keeps connections takes the end for a failure (RFC 9112 9.6). */
function sayingClose(answer: Buffer): Buffer {
  const lineEnd = answer.indexOf('\r\n') + 2
  return Buffer.concat([answer.subarray(0, lineEnd), Buffer.from('Connection: close\r\n'), answer.subarray(lineEnd)])
}

function echo(version: Version, connection: number, head: string): string {
  const body = JSON.stringify({ version, connection, head: head.split('\r\n') })
  return `${headOf(version, 200, body.length)}\r\n${body}`
}

function listen(version: Version): Promise<Server> {
  const answers = new Answers(version)
  const server = createServer({ noDelay: true }, (socket) => new BackendConnection(socket, version, answers))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve(server))
  })
}

if (import.meta.main) {
  const servers = await Promise.all(versions.map(listen))
  const ports = Object.fromEntries(versions.map((version, i) => [version, (servers[i]!.address() as AddressInfo).port]))
  process.stdout.write(`${JSON.stringify(ports)}\n`)
  process.stdin.on('end', () => process.exit(0)).resume()
}
