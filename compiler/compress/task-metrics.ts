import { InfcError } from '../../runtime/errors.ts';
import { decodeCtc } from './ctc.ts';
import { rowLengthOf } from './quality.ts';

/** What is right for one sample: a class (or 0 and 1 for an output of one probability), a class a row, values, or a text. */
export type Label = number | readonly number[] | string;

/** Share of right answers and the like, by name; 1 is perfect for shares, 0 for errors. */
export type TaskScores = Readonly<Record<string, number>>;

/** How well one output of a model does against labels. */
export class TaskMetric {
  private readonly sums = new Map<string, { sum: number; weight: number }>();

  /** `alphabet`: characters of the classes, for labels that are texts (CTC, class 0 blank). */
  constructor(private readonly alphabet?: readonly string[]) {}

  /** Scores one sample: `values` of `shape`, row-major. Throws INFC2088 when the label is of no kind that the output can be right about. */
  add(values: ArrayLike<number>, shape: readonly number[], label: Label): void {
    const classes = rowLengthOf(shape);
    const rows = values.length / classes;
    if (typeof label === 'string') this.text(values, classes, label);
    else if (typeof label === 'number') {
      if (rows !== 1) throw mismatch(`one class for ${rows} rows of ${classes}`);
      this.row(values, 0, classes, label);
    } else if (label.length === values.length) {
      for (let i = 0; i < values.length; i++) this.count('mean error', Math.abs((values[i] ?? 0) - (label[i] ?? 0)));
    } else if (label.length === rows) label.forEach((c, r) => void this.row(values, r * classes, classes, c));
    else throw mismatch(`${label.length} numbers for ${rows} rows of ${classes}`);
  }

  finish(): TaskScores {
    return Object.fromEntries([...this.sums].map(([name, { sum, weight }]) => [name, sum / Math.max(1, weight)]));
  }

  private row(values: ArrayLike<number>, at: number, classes: number, label: number): void {
    if (!Number.isInteger(label) || label < 0 || label >= Math.max(2, classes))
      throw mismatch(`class ${label} of ${Math.max(2, classes)}`);
    if (classes === 1) {
      this.count('accuracy', (values[at] ?? 0) >= 0.5 === (label === 1));
      return;
    }
    const own = values[at + label] ?? Number.NaN;
    let better = 0;
    // An earlier class wins a tie, as in argmax; NaN is right about nothing.
    for (let c = 0; c < classes; c++) {
      const v = values[at + c] ?? 0;
      if (!(v < own) && c !== label && (v !== own || c < label)) better++;
    }
    this.count('accuracy', better === 0);
    if (classes > 10) this.count('top-5', better < 5);
  }

  private text(values: ArrayLike<number>, classes: number, label: string): void {
    if (!this.alphabet) throw mismatch(`the text '${label}' needs the characters of the classes`);
    const { text } = decodeCtc(values, classes, this.alphabet);
    this.count('texts right', text === label);
    this.count('characters wrong', editDistance([...text], [...label]), [...label].length);
  }

  private count(name: string, value: number | boolean, weight = 1): void {
    const s = this.sums.get(name) ?? { sum: 0, weight: 0 };
    this.sums.set(name, s);
    s.sum += Number(value);
    s.weight += weight;
  }
}

const mismatch = (what: string): InfcError =>
  new InfcError('INFC2088', `a label does not fit the output: ${what}`, {
    fix: 'A class for [1, classes], 0 or 1 for one probability, a list of classes for rows, all values, or a text with --characters',
  });

/** Fewest insertions, deletions and substitutions that turn a into b (Levenshtein; Wagner and Fischer 1974), one row at a time. */
export function editDistance(a: readonly string[], b: readonly string[]): number {
  let row = b.map((_, j) => j + 1);
  a.forEach((x, i) => {
    let [diagonal, left] = [i, i + 1];
    row = row.map((above, j) => {
      left = Math.min(above + 1, left + 1, diagonal + Number(x !== b[j]));
      diagonal = above;
      return left;
    });
  });
  return row.at(-1) ?? a.length;
}
