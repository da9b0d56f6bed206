// The upstream of the corpus: records what reaches it, reads it strictly, and answers as a case's script says.

import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readRequest } from './strict-reader.ts'
import type { Malformed, SeenRequest } from './strict-reader.ts'

export type Part =
  | string
  | readonly [text: string, times: number]
  | { readonly b64: string }
  | { readonly sleep_ms: number }
  | { readonly wait_reply: 1 }
  | { readonly half_close: 1 }
  | { readonly bytewise: string }

export interface Script {
  readonly raw?: string | readonly Part[]
  readonly then?: 'close' | 'reset' | null
  readonly early?: boolean | number
  readonly tunnel?: boolean | number
}

export class RecordingUpstream {
  readonly requests: SeenRequest[] = []
  readonly malformed: string[] = []
  raw = ''
  tunnel = ''
  script: Script | undefined
  readonly #server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket))
  readonly #sockets = new Set<net.Socket>()
  #sequence = 0

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as net.AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('end', () => socket.end())
    let buffer = ''
    let saidContinue = false
    let tunnelling = false
    let early = false
    let queue = Promise.resolve()
    socket.on('data', (bytes) => {
      queue = queue.then(() => take(bytes.toString('latin1')))
    })
    const take = async (text: string): Promise<void> => {
      this.raw += text
      if (tunnelling) {
        this.tunnel += text
        return
      }
      buffer += text
      const headIsThere = buffer.includes('\r\n\r\n') && !buffer.split('\r\n', 1)[0]!.includes(' /canary-')
      if (!early && this.script?.early && headIsThere) {
        early = true
        if (await this.#play(socket, this.script)) return
      }
      while (buffer !== '') {
        let read: ReturnType<typeof readRequest>
        try {
          read = readRequest(buffer)
        } catch (error) {
          this.malformed.push((error as Malformed).message)
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad')
          return
        }
        if (read === undefined) {
          const head = buffer.split('\r\n\r\n', 2)
          if (head.length === 2 && !saidContinue && /^expect:[ \t]*100-continue/im.test(head[0]!)) {
            saidContinue = true
            socket.write('HTTP/1.1 100 Continue\r\n\r\n')
          }
          return
        }
        buffer = buffer.slice(read.used)
        saidContinue = false
        if (read.request.target.slice(0, 80).includes('/canary-')) {
          this.#answer(socket, read.request)
          continue
        }
        this.requests.push(read.request)
        if (early) continue
        if (this.script === undefined) this.#answer(socket, read.request)
        else {
          if (await this.#play(socket, this.script)) return
          if (this.script.tunnel) {
            tunnelling = true
            this.tunnel += buffer
            buffer = ''
          }
        }
      }
    }
  }

  #answer(socket: net.Socket, request: SeenRequest): void {
    const body = `up:${request.target}`
    const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Up-Seq: ${++this.#sequence}\r\nContent-Length: ${body.length}\r\n\r\n`
    socket.write(head + (request.method === 'HEAD' ? '' : body), 'latin1')
  }

  /** Sends a scripted reply; true when the connection is finished. */
  async #play(socket: net.Socket, script: Script): Promise<boolean> {
    for (const part of partsOf(script.raw ?? '')) {
      if (isSleep(part)) await sleep(part.sleep_ms)
      else socket.write(bytesOf(part))
    }
    if (script.then === 'close') socket.end()
    else if (script.then === 'reset') {
      await sleep(5)
      socket.resetAndDestroy()
    } else return false
    return true
  }
}

export function partsOf(raw: string | readonly Part[]): readonly Part[] {
  return typeof raw === 'string' ? [raw] : raw
}

export function isSleep(part: Part): part is { readonly sleep_ms: number } {
  return typeof part === 'object' && 'sleep_ms' in part
}

export function bytesOf(part: Part): Buffer {
  if (typeof part === 'string') return Buffer.from(part, 'latin1')
  if (Array.isArray(part)) return Buffer.from((part[0] as string).repeat(part[1] as number), 'latin1')
  return 'b64' in part ? Buffer.from(part.b64, 'base64') : Buffer.alloc(0)
}
