/** One line of Prometheus' text format. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricsText {
  readonly samples: readonly MetricSample[];
  /** The families that are declared, also those without a sample yet. */
  readonly families: ReadonlySet<string>;
}

/** Characters; a longer line holds no series of ours, and is passed over. */
const maxLine = 16 * 1024;

/**
 * Reads Prometheus' text format 0.0.4. Lines that are none are passed over: a gateway may tell more than is known here. A
 * peer wrote the text: each character is looked at a fixed number of times, so that no text keeps the reader busy.
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

/** A line, read from left to right; what is read is not read again. */
class Line {
  private place = 0;

  constructor(private readonly text: string) {
    this.skipBlanks();
  }

  /** The family that a line such as `# TYPE requests_total counter` declares. */
  readDeclaration(): string | undefined {
    if (!this.text.startsWith('# TYPE ', this.place)) return undefined;
    this.place += '# TYPE '.length;
    const family = this.readWord();
    return family === '' ? undefined : family;
  }

  /** Undefined where the line is none, or its value is no number, as `NaN` and `+Inf` are none. */
  readSample(): MetricSample | undefined {
    const name = this.readName(isNameCharacter);
    if (name === '') return undefined;
    const atName = this.place;
    this.skipBlanks();
    const labels = this.take('{') ? this.readLabels() : {};
    if (labels === undefined || this.place === atName) return undefined;
    this.skipBlanks();
    const valueText = this.readWord();
    const value = Number(valueText);
    this.skipBlanks();
    const time = this.readWord();
    this.skipBlanks();
    const right = valueText !== '' && Number.isFinite(value) && isWholeNumber(time) && this.place === this.text.length;
    return right ? { name, labels, value } : undefined;
  }

  /** Behind the opening brace, to behind the closing one; undefined where they are no labels. */
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
      if (!this.take(',') && this.text[this.place] !== '}') return undefined;
    }
  }

  /** Behind the opening quote, to behind the closing one; undefined where there is none. */
  private readQuoted(): string | undefined {
    let value = '';
    for (let from = this.place; this.place < this.text.length; this.place++) {
      const character = this.text[this.place];
      if (character === '"') {
        value += this.text.slice(from, this.place++);
        return value;
      }
      if (character !== '\\') continue;
      const escaped = this.text[this.place + 1] ?? '';
      value += this.text.slice(from, this.place++) + (escaped === 'n' ? '\n' : escaped);
      from = this.place + 1;
    }
    return undefined;
  }

  private readName(belongs: (code: number) => boolean): string {
    const start = this.place;
    if (isDigit(this.text.charCodeAt(start))) return '';
    while (belongs(this.text.charCodeAt(this.place))) this.place++;
    return this.text.slice(start, this.place);
  }

  /** Up to the next blank. */
  private readWord(): string {
    const start = this.place;
    while (this.place < this.text.length && !isBlank(this.text.charCodeAt(this.place))) this.place++;
    return this.text.slice(start, this.place);
  }

  private skipBlanks(): void {
    while (isBlank(this.text.charCodeAt(this.place))) this.place++;
  }

  private take(character: string): boolean {
    if (this.text[this.place] !== character) return false;
    this.place++;
    return true;
  }
}

/** A space, a tab, or the carriage return of a line that ends as in HTTP. */
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

/** Whether a time is one, or is left out. */
function isWholeNumber(text: string): boolean {
  return /^-?\d*$/.test(text) && text !== '-';
}
