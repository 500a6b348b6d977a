import { createHmac, timingSafeEqual } from 'node:crypto';

/** Paths of this name are the front's own: what follows is the secret, then the page to go to. */
const openPath = '/open/';
const sessionSeconds = 12 * 3600;

/** The link that opens the Web UI without a question; a path of the UI may be put behind it. */
export function uiLink(port: number, secret: string): string {
  return `http://127.0.0.1:${port}${openPath}${secret}`;
}

/** The address behind such a link: it opens the Web UI in a browser that has a session. Another address stays as it is. */
export function withoutLogin(link: string): string {
  return link.replace(/\/open\/[^/]+$/, '');
}

/** Sessions of the Web UI: each begins with the secret link and is valid for twelve hours. */
export class UiLogin {
  constructor(
    private readonly secret: string,
    private readonly port: number,
  ) {}

  /** The page behind a link: undefined when the path is none, null when its secret is wrong. */
  pageOf(path: string): string | null | undefined {
    if (!path.startsWith(openPath)) return undefined;
    const [secret = '', ...page] = path.slice(openPath.length).split(/(?=[/?])/);
    if (!isSame(secret, this.secret)) return null;
    // One slash: two would name another host.
    const rest = `/${page.join('').replace(/^[/\\]+/, '')}`;
    return /^[!-~]*$/.test(rest) ? rest : '/';
  }

  /** The cookie that a visitor by the link is given. */
  cookie(now: Date): string {
    const end = String(Math.floor(now.getTime() / 1000) + sessionSeconds);
    return `${this.cookieName}=${end}.${this.seal(end)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${sessionSeconds}`;
  }

  /** Whether a Cookie header holds a valid session. */
  knows(header: string | undefined, now: Date): boolean {
    return this.sessionsIn(header).some((session) => {
      const [end = '', seal = ''] = session.split('.');
      return isSame(seal, this.seal(end)) && Number(end) * 1000 > now.getTime();
    });
  }

  /** What of a Cookie header is not the front's own. */
  without(header: string | undefined): string | undefined {
    const others = cookiesOf(header).filter((cookie) => !cookie.startsWith(`${this.cookieName}=`));
    return others.length === 0 ? undefined : others.join('; ');
  }

  private sessionsIn(header: string | undefined): readonly string[] {
    const prefix = `${this.cookieName}=`;
    return cookiesOf(header).flatMap((cookie) => (cookie.startsWith(prefix) ? [cookie.slice(prefix.length)] : []));
  }

  /** Cookies know no ports: each stack has a name of its own. */
  private get cookieName(): string {
    return `cubeshift-temporal-${this.port}`;
  }

  private seal(end: string): string {
    return createHmac('sha256', this.secret).update(`session until ${end}`).digest('base64url');
  }
}

function cookiesOf(header: string | undefined): readonly string[] {
  return (header ?? '').split(';').flatMap((cookie) => (cookie.trim() === '' ? [] : [cookie.trim()]));
}

/** Takes as long for a wrong one as for the right one. */
function isSame(given: string, right: string): boolean {
  const [one, other] = [given, right].map((text) => createHmac('sha256', 'compared').update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
