import type { Random } from '../../random.js';

/** Sentences of an office, of about `bytes` bytes in UTF-8. */
export function koreanText(random: Random, bytes: number): string {
  const lines: string[] = [];
  for (let length = 0; length < bytes; ) {
    const line = `${random.between(1, 99)}. ${random.pick(subjects)} ${random.pick(objects)} ${random.pick(predicates)}`;
    lines.push(line);
    length += Buffer.byteLength(line) + 1;
  }
  return `${lines.join('\n')}\n`;
}

/** A few words without any letter that CP949 lacks. */
export function koreanTitle(random: Random): string {
  return `${random.pick(objects).replace(/[을를]$/, '')} ${random.between(2015, 2024)}`;
}

const subjects = ['총무팀은', '담당자가', '고객께서', '회계 부서에서', '계약 당사자는', '상담실에서'] as const;
const objects = ['견적서를', '계약서를', '영수증을', '신청서를', '상담 기록을', '동의서를', '증빙 서류를'] as const;
const predicates = [
  '확인하고 보관하였습니다.',
  '다음 달 말일까지 제출하기로 하였습니다.',
  '검토한 뒤 다시 보내 주시기 바랍니다.',
  '원본과 대조하여 이상이 없음을 확인함.',
  '분실에 대비하여 사본을 남겨 두었습니다.',
] as const;
