"""Korean texts from templates: office documents of six kinds, and what customers write. Kinds share sentences, and some documents
borrow one of another kind, so that nobody can tell all of them apart."""

import numpy as np

NAMES = ["김민준", "이서연", "박도윤", "최지우", "정하은", "강시우", "조예린", "윤준서", "장수아", "임건우", "한유진", "오태양"]
FIRMS = ["한빛상사", "청솔물산", "다온소프트", "가람건설", "새벽식품", "누리전자", "미르화학", "해오름병원", "도담출판", "라온교육"]
GOODS = ["복사용지", "노트북", "사무용 의자", "정수기 필터", "건강검진", "포장 상자", "서버 임대", "청소 용역", "커피 원두", "인쇄물"]
PLACES = ["서울특별시 종로구", "부산광역시 해운대구", "대전광역시 유성구", "경기도 수원시", "전라북도 전주시", "강원도 춘천시"]

DOCUMENTS = {
    "contract": [
        "{firm}(이하 갑)과 {firm2}(이하 을)은 {goods} 공급에 관하여 다음과 같이 약정한다.",
        "제{n}조 계약 기간은 {date}부터 {year}년 12월 31일까지로 한다.",
        "을은 갑의 서면 동의 없이 이 계약상의 권리와 의무를 제삼자에게 양도할 수 없다.",
        "당사자가 의무를 이행하지 아니한 때에는 상대방은 계약을 해지할 수 있다.",
        "본 계약의 성립을 증명하기 위하여 두 통을 작성하고 각자 서명 날인한다.",
        "분쟁이 생기면 {place} 관할 법원을 제일심 법원으로 한다.",
    ],
    "invoice": [
        "공급자 {firm}, 공급받는 자 {firm2}, 등록번호 {code}.",
        "품목 {goods} {n}개, 단가 {money}원, 공급가액 {money2}원, 세액 {money}원.",
        "아래 금액을 {date}까지 지정한 계좌로 입금하여 주시기 바랍니다.",
        "세금계산서 번호 {code}, 작성일자 {date}.",
        "합계 금액 {money2}원을 청구합니다.",
        "미수금 {money}원은 다음 달 청구분에 더합니다.",
    ],
    "receipt": [
        "{firm} {place}점, {date} {n}시, 계산원 {name}.",
        "{goods} {n}개 {money}원, 부가세 포함.",
        "신용카드 승인번호 {code}, 일시불로 결제되었습니다.",
        "받은 돈 {money2}원, 거스름돈 {money}원.",
        "교환과 환불은 이 영수증을 지참하시고 {n}일 안에 오십시오.",
        "현금영수증 발급 완료, 적립 포인트 {n}점.",
    ],
    "certificate": [
        "성명 {name}, 생년월일 {date}, 주소 {place}.",
        "위 사람은 {year}년부터 {firm}에 재직하고 있음을 증명합니다.",
        "위 사람이 소정의 과정을 마쳤음을 증명함. 제{code}호.",
        "용도 금융기관 제출용, 발급일 {date}.",
        "이 증명서는 발급일부터 {n}일 동안 유효합니다.",
        "{place}장 직인, 원본대조필.",
    ],
    "letter": [
        "{name} 님께, 그동안 안녕하셨는지요.",
        "지난번 {place}에서 베풀어 주신 호의에 깊이 감사드립니다.",
        "날씨가 많이 추워졌으니 건강에 유의하시기 바랍니다.",
        "{firm}의 {name} 올림.",
        "다름이 아니라 {date}에 있을 모임에 꼭 모시고 싶어 글을 드립니다.",
        "곧 찾아뵙고 인사드리겠습니다. 늘 행복하세요.",
    ],
    "minutes": [
        "회의 일시 {date} {n}시, 장소 {firm} 대회의실.",
        "참석자 {name}, {name2} 외 {n}명, 기록 {name}.",
        "안건 1. {goods} 구매의 건을 상정하고 논의하였다.",
        "{name} 위원이 예산 {money2}원이 지나치다는 의견을 내었다.",
        "원안대로 의결하고 다음 회의는 {date}에 열기로 하였다.",
        "찬성 {n}명, 반대 2명으로 가결되었다.",
    ],
}

SHARED = [
    "담당자 {name}, 전화 02-{code}.",
    "{date}.",
    "{firm} 귀중.",
    "{goods}에 관한 건.",
    "붙임 1부.",
    "자세한 내용은 {firm} {name}에게 문의하시기 바랍니다.",
]

REVIEWS = {
    "긍정": [
        "{thing} 정말 마음에 들어요",
        "{thing} 기대보다 훨씬 좋았습니다",
        "{thing} 친절하고 빨라서 만족합니다",
        "{thing} 덕분에 편하게 썼어요",
        "다음에도 여기서 주문할게요",
        "주변에 추천하고 싶습니다",
        "흠잡을 데가 없네요",
    ],
    "부정": [
        "{thing} 너무 실망스러워요",
        "{thing} 기대보다 훨씬 별로였습니다",
        "{thing} 불친절하고 느려서 화가 납니다",
        "{thing} 때문에 불편하기만 했어요",
        "다시는 여기서 주문 안 할래요",
        "주변에 말리고 싶습니다",
        "환불을 요청했는데 답이 없네요",
    ],
}
THINGS = ["배송이", "상담이", "포장이", "앱이", "가격이", "매장이", "직원이", "품질이", "예약이", "설명이"]
NEUTRAL = ["어제 받았습니다", "두 번째 구매예요", "가족과 함께 갔어요", "색상은 검정입니다", "평일 오후였어요", "쿠폰을 썼습니다"]


def fill(random, template):
    def pick(words):
        return words[int(random.integers(len(words)))]

    return template.format(
        name=pick(NAMES),
        name2=pick(NAMES),
        firm=pick(FIRMS),
        firm2=pick(FIRMS),
        goods=pick(GOODS),
        place=pick(PLACES),
        n=int(random.integers(2, 30)),
        code=f"{int(random.integers(100, 9999)):04d}-{int(random.integers(1000, 9999))}",
        money=f"{int(random.integers(1, 900)) * 100:,}",
        money2=f"{int(random.integers(1, 9000)) * 1000:,}",
        year=int(random.integers(2005, 2026)),
        date=f"{int(random.integers(2005, 2026))}년 {int(random.integers(1, 13))}월 {int(random.integers(1, 29))}일",
    )


def documents(rows, seed):
    """Texts of one to three sentences of their kind among sentences that any kind has, and the kinds."""
    random = np.random.default_rng(seed)
    kinds = list(DOCUMENTS)
    texts, labels = [], []
    for _ in range(rows):
        kind = kinds[int(random.integers(len(kinds)))]
        templates = list(random.choice(DOCUMENTS[kind], int(random.integers(1, 4)), replace=False))
        templates += list(random.choice(SHARED, int(random.integers(1, 3)), replace=False))
        if random.random() < 0.35:
            templates.append(random.choice(DOCUMENTS[kinds[int(random.integers(len(kinds)))]]))
        random.shuffle(templates)
        texts.append(" ".join(fill(random, template) for template in templates))
        labels.append(kind)
    return texts, labels


def reviews(rows, seed):
    """One or two opinions, at times one of the other sort, among remarks that say nothing; and the sort."""
    random = np.random.default_rng(seed)
    sorts = list(REVIEWS)
    texts, labels = [], []
    for _ in range(rows):
        sort = int(random.integers(2))
        own = list(random.choice(REVIEWS[sorts[sort]], int(random.integers(1, 3)), replace=False))
        other = [random.choice(REVIEWS[sorts[1 - sort]])] if random.random() < 0.2 else []
        parts = own + other + list(random.choice(NEUTRAL, int(random.integers(0, 3)), replace=False))
        random.shuffle(parts)
        texts.append(". ".join(part.format(thing=random.choice(THINGS)) for part in parts) + ".")
        labels.append(sorts[sort])
    return texts, labels
