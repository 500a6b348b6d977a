export type Variables = Readonly<Record<string, string | undefined>>;

/** A variable whose absence the file refuses, as `docker compose` does. */
export class MissingVariable extends Error {
  constructor(
    readonly variable: string,
    message: string,
  ) {
    super(`required variable ${variable} is missing a value: ${message}`);
  }
}

const name = /^[A-Za-z_]\w*/;

/**
 * Puts variables into a text by the rules of Compose: `$$`, `$NAME`, `${NAME}` and its forms with `:-`, `-`, `:?`, `?`,
 * `:+`, `+`, whose second part may hold variables itself. Throws for anything else after a dollar sign.
 * https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
 */
export function interpolate(text: string, variables: Variables): string {
  let result = '';
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf('$', at);
    if (dollar === -1) return result + text.slice(at);
    result += text.slice(at, dollar);
    const rest = text.slice(dollar + 1);
    const plain = name.exec(rest)?.[0];
    if (rest.startsWith('$')) {
      result += '$';
      at = dollar + 2;
    } else if (plain !== undefined) {
      result += variables[plain] ?? '';
      at = dollar + 1 + plain.length;
    } else if (rest.startsWith('{')) {
      const end = closingBrace(rest);
      result += braced(rest.slice(1, end), variables);
      at = dollar + 1 + end + 1;
    } else throw new Error(`invalid interpolation format: ${text}`);
  }
  return result;
}

function closingBrace(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}' && --depth === 0) return at;
  }
  throw new Error(`invalid interpolation format: $${text}`);
}

function braced(expression: string, variables: Variables): string {
  const variable = name.exec(expression)?.[0] ?? '';
  const [, form = '', other = ''] = /^(:?[-?+]|)(.*)$/s.exec(expression.slice(variable.length)) ?? [];
  if (variable === '' || (form === '' && other !== ''))
    throw new Error(`invalid interpolation format: \${${expression}}`);
  const value = variables[variable];
  const isThere = value !== undefined && (value !== '' || !form.startsWith(':'));
  if (form.endsWith('+')) return isThere ? interpolate(other, variables) : '';
  if (isThere) return value;
  if (form.endsWith('-')) return interpolate(other, variables);
  if (form.endsWith('?')) throw new MissingVariable(variable, interpolate(other, variables));
  return '';
}

/** The variables of a `.env` file, each with those above it put in. */
export function parseEnvFile(text: string): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, key, value = ''] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    if (key === undefined || /['"#\s]/.test(value))
      throw new Error(`not a line of a .env file without quotes: ${line}`);
    variables[key] = interpolate(value, variables);
  }
  return variables;
}
