import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser as Chromium, type Page } from 'playwright-core';
import { eventually } from '../peers/deadline.ts';
import { PASSWORD, PORTS, type Stage } from './stage.ts';

const PAGE = join(import.meta.dirname, 'page');
const SIP_JS = fileURLToPath(new URL('.', import.meta.resolve('sip.js')));

/** Debian's Chromium without a window, and a web server for the page that it opens. */
export class Browser {
  readonly #chromium: Chromium;
  readonly #web: Server;

  private constructor(browser: Chromium, web: Server) {
    this.#chromium = browser;
    this.#web = web;
  }

  static async start(): Promise<Browser> {
    // A page of 127.0.0.1 may use a microphone without TLS
    const web = createServer((request, response) => {
      const path = normalize(decodeURIComponent(request.url ?? '/'));
      const file = path.startsWith('/sip.js/') ? join(SIP_JS, path.slice('/sip.js/'.length)) : join(PAGE, path);
      try {
        const type = path.endsWith('.js') ? 'text/javascript' : 'text/html';
        response.setHeader('content-type', type).end(readFileSync(file));
      } catch {
        response.writeHead(404).end();
      }
    }).listen(0, '127.0.0.1');
    await once(web, 'listening');
    try {
      const browser = await chromium.launch({
        executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
        args: [
          '--no-sandbox',
          '--ignore-certificate-errors',
          '--use-fake-device-for-media-stream',
          '--use-fake-ui-for-media-stream',
          '--allow-loopback-in-peer-connection',
        ],
      });
      return new Browser(browser, web);
    } catch (error) {
      web.close();
      throw error;
    }
  }

  /** A page with a phone that has begun to register over WSS. */
  async phone(stage: Stage, user: string): Promise<BrowserPhone> {
    const page = await this.#chromium.newPage();
    await page.goto(`http://127.0.0.1:${(this.#web.address() as AddressInfo).port}/phone.html`);
    const phone = new BrowserPhone(user, page);
    const server = `wss://${stage.proxyAddress}:${PORTS.WSS}`;
    await phone.does('begin', { user, password: PASSWORD, server });
    return phone;
  }

  async end(): Promise<void> {
    await this.#chromium.close();
    this.#web.close();
  }
}

/** sip.js in a page of its own; page/phone.js says what it can do. */
export class BrowserPhone {
  readonly user: string;
  readonly #page: Page;
  #trace = '';
  #forgotten = 0;

  constructor(user: string, page: Page) {
    this.user = user;
    this.#page = page;
  }

  get said(): string {
    return this.#trace.slice(this.#forgotten);
  }

  async does(what: string, ...args: readonly unknown[]): Promise<void> {
    await this.#page.evaluate(
      `phone.${what}(${args.map((arg) => JSON.stringify(arg)).join(', ')}).then(() => undefined)`,
    );
  }

  /** Resolves when its SIP trace has this since forget(). */
  async says(what: string | RegExp): Promise<void> {
    await eventually(15_000, `${this.user}'s page says ${String(what)}`, async () => {
      this.#trace = String(await this.#page.evaluate('trace'));
      return typeof what === 'string' ? this.said.includes(what) : what.test(this.said);
    });
  }

  forget(): void {
    this.#forgotten = this.#trace.length;
  }
}
