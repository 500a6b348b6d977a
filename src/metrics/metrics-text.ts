/** One line of Prometheus' text format. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricsText {
  readonly samples: readonly MetricSample[];
  /** The declared families, including those without a sample yet. */
  readonly families: ReadonlySet<string>;
}

/** Characters; a longer line holds no known series and is skipped. */
const maxLine = 16 * 1024;

/**
 * Parses Prometheus' text format 0.0.4. Skips invalid lines: a gateway of another version may have other metrics. The text comes
 * from another program: the parser reads each character a fixed number of times, so that no text keeps it busy.
 */
export function readMetricsText(text: string): MetricsText {
  const samples: MetricSample[] = [];
  const families = new Set<string>();
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start);
    const end = found === -1 ? text.length : found;
    if (end - start <= maxLine) {
      const line = new Line(text.slice(start, end));
      const declared = line.readDeclaration();
      if (declared !== undefined) families.add(declared);
      const sample = line.readSample();
      if (sample !== undefined) samples.push(sample);
    }
    start = end + 1;
  }
  return { samples, families };
}

/** A line, parsed from left to right without backtracking. */
class Line {
  private index = 0;

  constructor(private readonly text: string) {
    this.skipBlanks();
  }

  /** The family that a line such as `# TYPE requests_total counter` declares. */
  readDeclaration(): string | undefined {
    if (!this.text.startsWith('# TYPE ', this.index)) return undefined;
    this.index += '# TYPE '.length;
    const family = this.readWord();
    return family === '' ? undefined : family;
  }

  /** Undefined for an invalid line, and for a value that is not finite, such as `NaN` and `+Inf`. */
  readSample(): MetricSample | undefined {
    const name = this.readName(isNameCharacter);
    if (name === '') return undefined;
    const atName = this.index;
    this.skipBlanks();
    const labels = this.take('{') ? this.readLabels() : {};
    if (labels === undefined || this.index === atName) return undefined;
    this.skipBlanks();
    const valueText = this.readWord();
    const value = Number(valueText);
    this.skipBlanks();
    const time = this.readWord();
    this.skipBlanks();
    const right = valueText !== '' && Number.isFinite(value) && isWholeNumber(time) && this.index === this.text.length;
    return right ? { name, labels, value } : undefined;
  }

  /** From after the opening brace to after the closing one; undefined for invalid labels. */
  private readLabels(): Readonly<Record<string, string>> | undefined {
    const labels: (readonly [string, string])[] = [];
    for (;;) {
      this.skipBlanks();
      if (this.take('}')) return Object.fromEntries(labels);
      const label = this.readName(isLabelCharacter);
      this.skipBlanks();
      if (label === '' || !this.take('=')) return undefined;
      this.skipBlanks();
      const value = this.take('"') ? this.readQuoted() : undefined;
      if (value === undefined) return undefined;
      labels.push([label, value]);
      this.skipBlanks();
      if (!this.take(',') && this.text[this.index] !== '}') return undefined;
    }
  }

  /** From after the opening quote to after the closing one; undefined without a closing quote. */
  private readQuoted(): string | undefined {
    let value = '';
    for (let from = this.index; this.index < this.text.length; this.index++) {
      const character = this.text[this.index];
      if (character === '"') {
        value += this.text.slice(from, this.index++);
        return value;
      }
      if (character !== '\\') continue;
      const escaped = this.text[this.index + 1] ?? '';
      value += this.text.slice(from, this.index++) + (escaped === 'n' ? '\n' : escaped);
      from = this.index + 1;
    }
    return undefined;
  }

  private readName(belongs: (code: number) => boolean): string {
    const start = this.index;
    if (isDigit(this.text.charCodeAt(start))) return '';
    while (belongs(this.text.charCodeAt(this.index))) this.index++;
    return this.text.slice(start, this.index);
  }

  /** Up to the next blank. */
  private readWord(): string {
    const start = this.index;
    while (this.index < this.text.length && !isBlank(this.text.charCodeAt(this.index))) this.index++;
    return this.text.slice(start, this.index);
  }

  private skipBlanks(): void {
    while (isBlank(this.text.charCodeAt(this.index))) this.index++;
  }

  private take(character: string): boolean {
    if (this.text[this.index] !== character) return false;
    this.index++;
    return true;
  }
}

/** A space, a tab, or the carriage return of a CRLF line end. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLabelCharacter(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f;
}

function isNameCharacter(code: number): boolean {
  return isLabelCharacter(code) || code === 0x3a;
}

/** Whether the text is a timestamp, or empty. */
function isWholeNumber(text: string): boolean {
  return /^-?\d*$/.test(text) && text !== '-';
}
