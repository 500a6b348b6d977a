import { byServedCube, legacyUrlVariable, servedCubes, type TrafficName, trafficNames } from '../domain/cubes.js';
import type { VariableName } from './variables.js';

/**
 * What README.ko.md says of each variable, as Markdown: no program reads it. A variable without a line here does not compile; code, links
 * and numbers are compared with those of the English text by `npm run check`.
 */
export const koreanTexts: Readonly<Record<VariableName, string>> = {
  CUBESHIFT_HOME: '스택의 상태 디렉터리',
  CUBESHIFT_CACHE:
    '내려받은 서버를 보관하는 디렉터리. 비워 두면 `XDG_CACHE_HOME` 아래, 이 변수도 없으면 `~/.cache` 아래의 `cubeshift`를 사용',
  CUBESHIFT_DATABASES: 'root로 실행할 때 내장 데이터베이스의 데이터를 두는 디렉터리',
  STATE_DIR: '스냅샷과 릴리스를 두는 디렉터리',
  STACK_ID: '셸의 변수가 `STATE_DIR`의 어느 스택에서 나온 것인지 나타내는 값. 삭제된 스택의 것이면 명령을 거부',
  TEMPORAL_ADDRESS: 'Temporal 서버 주소(host:port)',
  TEMPORAL_NAMESPACE:
    'Temporal 네임스페이스. 미리 만들어 두어야 하며 **큐브 데이터베이스마다 하나씩** 사용. 네임스페이스가 같은 워커끼리는 작업을 나눠 가짐',
  TEMPORAL_TLS: 'Temporal 연결에 TLS를 쓸지 여부. on, off 또는 서버 인증서에 서명한 CA의 PEM 파일',
  TEMPORAL_TLS_CA: 'Temporal 서버 인증서에 서명한 CA의 PEM 파일. 지정하면 TLS 사용',
  TEMPORAL_TLS_CERT: 'Temporal 서버가 클라이언트 인증서를 요구할 때 제시할 인증서의 PEM 파일. 지정하면 TLS 사용',
  TEMPORAL_TLS_KEY: 'TEMPORAL_TLS_CERT에 대응하는 개인 키의 PEM 파일',
  TEMPORAL_API_KEY: 'Temporal 네임스페이스의 API 키. 지정하면 TLS 사용',
  LEGACY_DATABASE_URL: '모놀리스의 PostgreSQL URL. PostgreSQL 16에서 테스트함',
  ...byServedCube(
    ({ legacyDatabaseVariable }) => legacyDatabaseVariable,
    ({ trafficName }) =>
      `${trafficName} 큐브 전용 역할로 접속하는 모놀리스의 PostgreSQL URL. 기본값은 LEGACY_DATABASE_URL의 값`,
  ),
  LEGACY_MODEL_DIR:
    '모놀리스의 AI 모델 파일이 있는 디렉터리. 엔진은 읽기만 함. 비워 두면 `up`이 모의 모놀리스의 모델이 든 디렉터리로 설정',
  LEGACY_STORAGE_DIR:
    '모놀리스의 파일이 있는 디렉터리. 엔진은 읽기만 하고, 컷오버 전까지 사용자가 올리는 파일은 여기에 저장. 비워 두면 `up`이 모의 모놀리스의 파일이 든 디렉터리로 설정',
  CRAWLER_ALLOWED_TARGETS:
    '안전 규칙이 거부하는 주소라도 크롤러 작업이 가져올 수 있는 네트워크. `10.0.5.0/24:8080`처럼 쓰며 포트는 생략 가능, 쉼표로 구분. [규칙](docs/crawling.md) 참고. 비워 두면 `up`이 모의 모놀리스의 사이트만 지정',
  PAPERWORK_FILE_MIB: '사용자가 올릴 수 있는 가장 큰 파일의 크기(MiB)',
  CUBE_STORAGE_URL:
    'AI 모델과 서류 파일 같은 콘텐츠를 SHA-256 값을 이름으로 저장하는 디렉터리 또는 s3://BUCKET/PREFIX. 레거시의 디렉터리들과는 떨어진 곳이어야 하며, 모든 프로그램이 같은 곳을 사용. 비워 두면 `up`이 `CUBESHIFT_HOME` 안의 디렉터리로 설정. [디렉터리와 S3](docs/where-contents-live.md)',
  CUBE_STORAGE_ENDPOINT: 's3:// 저장소를 제공하는 S3 서버의 URL',
  CUBE_STORAGE_REGION: 's3:// 저장소가 있는 버킷의 리전',
  CUBE_STORAGE_ACCESS_KEY:
    's3:// 저장소의 버킷에 접근하는 액세스 키. 다른 S3 프로그램의 변수와 파일(`AWS_*`, `~/.aws`)은 쓰지 않음',
  CUBE_STORAGE_SECRET_KEY: 'CUBE_STORAGE_ACCESS_KEY에 대응하는 시크릿 키',
  AI_CUBE_MODELS_MIB:
    'AI 큐브가 적재해 두는 모델 프로세스들의 상주 메모리 합계 상한(MiB). 넘으면 가장 오래 쓰이지 않은 모델부터 내림',
  AI_CUBE_PROCESS_MIB:
    '모델 프로세스 하나의 상주 메모리 상한(MiB). 넘으면 AI 큐브가 그 프로세스를 교체하고, 메모리가 더 필요한 모델은 마이그레이션에서 거부',
  DOCUMENT_PROCESSES: '문서 워커 하나가 동시에 읽는 문서 수. 문서마다 프로세스 하나를 사용',
  DOCUMENT_PROCESS_MIB:
    '문서를 읽는 프로세스 하나의 상주 메모리 상한(MiB). 넘으면 그 프로세스를 교체하고 해당 문서는 실패로 처리',
  CUBE_DATABASE_URL:
    '큐브의 PostgreSQL URL. 모놀리스와는 다른 데이터베이스여야 하며 인코딩은 UTF8, 버전은 PostgreSQL 16 이상',
  AUDIT_DATABASE_URL:
    '토큰 발급 기록을 남길 큐브의 PostgreSQL URL. 없으면 발급 기록은 로그에만 남음. 스택에서는 `up`이 설정',
  CUBE_ADMINISTRATOR_URL:
    '큐브 데이터베이스 서버의 슈퍼유저로 접속하는 PostgreSQL URL. 프로그램별 역할을 만들 때 사용. [컨테이너로 실행하기](docs/containers.md) 참고',
  CUBE_ROLE_PASSWORDS: '큐브 데이터베이스에 있는 역할별 비밀번호. role=password 형식으로 쓰고 쉼표로 구분',
  REDIS_URL: 'Redis URL. 트래픽 플래그, 인스턴스 목록, 요청 보류(hold) 상태를 저장',
  REDIS_SERVER_UID:
    '같은 장비에 있는 Redis의 실행 사용자 ID(UID). 다른 사용자가 그 포트를 차지하고 있으면 아무 데이터도 보내지 않음. Redis가 다른 장비에 있으면 비워 둠',
  CUBE_JWT_SECRET: '큐브 토큰 서명용 시크릿. 32바이트 이상',
  CUBE_JWT_SECRET_PREVIOUS: '교체하기 전까지 큐브 토큰 서명에 쓰던 시크릿',
  USER_JWT_SECRET:
    'HEAL7 로그인이 사용자 토큰에 서명할 때 쓰는 시크릿. 없으면 게이트웨이가 사용자 토큰을 거부. 32바이트 이상',
  USER_JWT_SECRET_PREVIOUS: '교체하기 전까지 사용자 토큰 서명에 쓰던 시크릿',
  TOKEN_SECRETS_FILE:
    '토큰 시크릿을 담은 JSON 파일. 매초 다시 읽으며 환경 변수보다 우선함. [재시작 없이 교체하는 방법](docs/changing-a-secret.md) 참고. 직접 지정한 경로는 `up`이 절대 경로로 바꿔 프로그램에 전달',
  TRUSTED_EDGES: '게이트웨이가 X-User-Id 헤더를 신뢰할 네트워크. 쉼표로 구분',
  INSTANCE_NETWORKS:
    '큐브 인스턴스 호출을 허용할 네트워크. 쉼표로 구분하며, 비워 두면 제한하지 않음. [제한하는 이유](docs/traffic.md#entries-of-the-registry)',
  ...legacyUrls(),
  PROMETHEUS_URL: '게이트웨이 메트릭을 수집하는 Prometheus의 URL. 없으면 점진 전환 중에 게이트웨이에서 직접 읽음',
  CUBE_HOST: '큐브의 수신 주소',
  CUBE_PORT: '큐브의 수신 포트. 0이면 비어 있는 포트를 자동으로 선택',
  CUBE_URL: '다른 프로그램이 이 큐브에 접속할 URL. 수신 주소와 다를 때만 지정',
  CUBE_VERSION: '이 큐브가 보고하는 버전. 기본값은 패키지 버전',
  INSTANCE_ID: '이 큐브 인스턴스의 이름. 기본값은 무작위로 생성',
  GATEWAY_PORT: '`up`이 띄우는 게이트웨이의 포트',
  SECURITY_CUBE_PORT: '`up`이 띄우는 보안 큐브의 포트',
  MONITORING_CUBE_PORT: '`up`이 띄우는 모니터링 큐브의 포트',
  ...byServedCube(
    ({ portVariable }) => portVariable,
    ({ trafficName }) => `\`up\`이 띄우는 첫 번째 ${trafficName} 큐브의 포트`,
  ),
  ...byServedCube(
    ({ legacyPortVariable }) => legacyPortVariable,
    ({ trafficName }) => `\`up\`이 띄우는 모놀리스 ${trafficName} 서비스의 포트`,
  ),
  GATEWAY_SHADOW: '게이트웨이가 요청을 처리하면서 레거시와 큐브의 응답도 비교할지 여부(섀도 비교). on 또는 off',
  GATEWAY_WINDOW_SECONDS: '게이트웨이가 같은 사용자를 한 번만 세는 집계 구간의 길이(초)',
  GATEWAY_RATE_PER_SECOND: '사용자 한 명에게 허용하는 초당 요청 수. 순간적으로는 네 배까지 허용. 0이면 제한 없음',
  GATEWAY_ADDRESS_RATE_PER_SECOND: '주소 하나에 허용하는 초당 요청 수. 순간적으로는 네 배까지 허용. 0이면 제한 없음',
  GATEWAY_TUNNELS: '게이트웨이 한 대에 열 수 있는 WebSocket 수. 0이면 제한 없음',
  GATEWAY_TUNNELS_PER_CLIENT:
    '게이트웨이 한 대에서 사용자 한 명이 열 수 있는 WebSocket 수. 사용자를 알 수 없으면 주소별로 셈. 0이면 제한 없음',
  ESCALATION_WEBHOOK_URL: '긴급 롤백 중 사람의 판단이 필요할 때 호출할 URL',
  CONTROL_HOST: '제어 API의 수신 주소',
  CONTROL_PORT: '제어 API의 포트. 기본 포트를 이미 쓰고 있으면 `up`이 다른 포트를 골라 알려 줌',
  CONTROL_URL: '명령줄 도구가 사용할 제어 API의 URL',
  WORKER_METRICS_ADDRESS:
    '워커가 Prometheus용 메트릭(슬롯, 지연 시간, 폴링)을 제공할 주소(host:port). 비워 두면 제공하지 않음',
  LEDGER_RETENTION_DAYS: '마이그레이션이 끝난 뒤 원장에서 레코드 내용을 삭제하기까지의 일수',
  MAX_INSTANCES_PER_CUBE: '한 큐브가 동시에 실행할 수 있는 인스턴스 수의 상한. 모든 버전을 합산',
  LOG_LEVEL: '기록할 최소 로그 레벨',
  CUBESHIFT_CRASH_POINT: '복구 테스트용. 프로그램을 강제 종료할 지점의 이름',
  GATEWAY_URL: '스택의 게이트웨이 URL',
  SECURITY_CUBE_URL: '스택의 보안 큐브 URL',
  MONITORING_CUBE_URL: '스택의 모니터링 큐브 URL',
  ...byServedCube(
    ({ urlVariable }) => urlVariable,
    ({ trafficName }) => `스택의 ${trafficName} 큐브 URL`,
  ),
  CRAWLER_SITE_PORT: '모의 모놀리스의 작업이 크롤링하는 작은 사이트가 127.77.0.1에서 쓰는 포트',
  CRAWLER_SITE_URL: '모의 모놀리스의 작업이 크롤링하는 작은 사이트의 URL. `/_log`에서 사이트 자체의 로그를 제공',
  TEMPORAL_UI_URL: 'Temporal Web UI의 URL. 실행별 페이지로 가는 링크를 만들 때 사용',
};

function legacyUrls() {
  const text = (name: TrafficName) => {
    const hasStandIn = servedCubes.some(({ trafficName }) => trafficName === name);
    return `모놀리스 ${name} 서비스의 URL${hasStandIn ? '. 비워 두면 `up`이 모의 서비스를 띄움' : ''}`;
  };
  return Object.fromEntries(trafficNames.map((name) => [legacyUrlVariable(name), text(name)])) as Readonly<
    Record<ReturnType<typeof legacyUrlVariable<TrafficName>>, string>
  >;
}
