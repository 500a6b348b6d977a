"""
A host of containers in namespaces of its own: runs what it reads as lines of JSON on its standard input, and writes what
became of it as lines of JSON. It is process 1 of its process namespace: when its input ends, or it dies, the kernel ends
everything that it started, and mounts and networks go with them.

A container gets what Docker gives it: an own root, hostname, interfaces to the bridges of its
networks, processes, tmpfs, volumes, a read-only root, no capabilities, no new privileges, and the user of its image. The user of an ordinary
user's namespace has one id only: there the user of the image is that id under another number.
"""
import asyncio, ctypes, fcntl, json, os, select, signal, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
SET_ADDRESS, SET_NETMASK, SET_FLAGS, INDEX, ADD_BRIDGE, ADD_TO_BRIDGE = 0x8916, 0x891C, 0x8914, 0x8933, 0x89A0, 0x89A2
DROP_FROM_BOUNDING_SET, NO_NEW_PRIVILEGES = 24, 38
PIVOT_ROOT, DETACH = 155, 2
UP_AND_RUNNING = 0x41


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def unshare(flags):
    check(libc.unshare(flags))


def mount(source, target, kind=None, flags=0, data=None):
    text = lambda value: None if value is None else value.encode()
    if libc.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(data)) != 0:
        raise OSError(ctypes.get_errno(), '%s on %s: %s' % (source, target, os.strerror(ctypes.get_errno())))


# --- networks


def interface(name, number, value):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return fcntl.ioctl(any_socket, number, struct.pack('16s24s', name, value))


def address(name, ip, bits):
    for number, value in ((SET_ADDRESS, socket.inet_aton(ip)), (SET_NETMASK, socket.inet_aton(bits))):
        interface(name, number, struct.pack('HH4s', socket.AF_INET, 0, value))


def up(name):
    interface(name, SET_FLAGS, struct.pack('h', UP_AND_RUNNING))


def attribute(kind, value):
    length = 4 + len(value)
    return struct.pack('HH', length, kind) + value + b'\0' * (-length % 4)


def pair(inside, outside, other_network):
    """A pair of interfaces, one here and one in the other network (RTM_NEWLINK, man 7 rtnetlink)."""
    nothing = struct.pack('BxHiII', 0, 0, 0, 0, 0)
    peer = nothing + attribute(3, outside) + attribute(28, struct.pack('I', other_network))
    info = attribute(1, b'veth') + attribute(2, attribute(1, peer))
    request = nothing + attribute(3, inside) + attribute(18, info)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack('IHHII', 16 + len(request), 16, 0x605, 1, 0) + request)
        (error,) = struct.unpack_from('i', netlink.recv(65536), 16)
    if error != 0:
        raise OSError(-error, os.strerror(-error))


def make_bridge(name, ip):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, ADD_BRIDGE, name + b'\0')
    address(name, ip, '255.255.0.0')
    up(name)


def join_bridge(bridge, name):
    index = struct.unpack_from('i', interface(name, INDEX, b''), 16)[0]
    interface(bridge, ADD_TO_BRIDGE, struct.pack('i', index))
    up(name)


# --- one process


def become(spec):
    uid, gid = spec['uid'], spec['gid']
    if os.environ.get('ORDINARY') and uid != 0:
        unshare(NEWUSER)
        for file, text in (('setgroups', 'deny'), ('uid_map', '%d 0 1' % uid), ('gid_map', '%d 0 1' % gid)):
            with open('/proc/self/' + file, 'w') as opened:
                opened.write(text)
    if spec.get('dropsCapabilities'):
        for capability in range(64):
            libc.prctl(DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    if not os.environ.get('ORDINARY'):
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if spec.get('noNewPrivileges'):
        check(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def execute(spec):
    become(spec)
    os.umask(0o022)
    os.chdir(spec['folder'])
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(spec['command'][0], spec['command'], spec['environment'])
    except OSError as error:
        print('%s: %s' % (spec['command'][0], error.strerror), file=sys.stderr, flush=True)
        os._exit(127)


def code_of(status):
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def stand_for(pid):
    """Waits for a process, passes signals on to it, takes over orphans, and ends as it does."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _: os.kill(pid, caught))
    while True:
        ended, status = os.wait()
        if ended == pid:
            os._exit(code_of(status))


def output_to(spec):
    for number, name in ((1, 'stdout'), (2, 'stderr')):
        os.dup2(os.open(spec[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    os.dup2(os.open('/dev/null', os.O_RDONLY), 0)


# --- a container


def make_root(spec):
    root = spec['root']
    mount(None, '/', None, REC | PRIVATE)
    mount(root, root, None, BIND)
    for bind in spec['binds']:
        mount(bind['source'], root + bind['target'], None, BIND | REC)
        if bind['readOnly']:
            mount(None, root + bind['target'], None, BIND | REMOUNT | RDONLY | NOSUID | NODEV)
    mount('tmpfs', root + '/dev', 'tmpfs', NOSUID, 'mode=755')
    for name in ('null', 'zero', 'full', 'random', 'urandom'):
        open(root + '/dev/' + name, 'w').close()
        mount('/dev/' + name, root + '/dev/' + name, None, BIND)
    os.symlink('/proc/self/fd', root + '/dev/fd')
    os.mkdir(root + '/dev/shm')
    for target, options in [('/dev/shm', NOSUID | NODEV | NOEXEC)] + [(one, NOSUID | NODEV | NOEXEC) for one in spec['tmpfs']]:
        mount('tmpfs', root + target, 'tmpfs', options, 'mode=1777')
    mount('proc', root + '/proc', 'proc', NOSUID | NODEV | NOEXEC)
    if spec['readOnly']:
        mount(None, root, None, BIND | REMOUNT | RDONLY | NOSUID | NODEV)
    # Not chroot, in which no user namespace can be made.
    os.chdir(root)
    check(libc.syscall(PIVOT_ROOT, b'.', b'.'))
    check(libc.umount2(b'.', DETACH))
    os.chdir('/')


def run_container(spec, report):
    """In a process of its own; `report` gets the number of the container's first process."""
    host = os.open('/proc/self/ns/net', os.O_RDONLY)
    unshare(NEWNET)
    up(b'lo')
    inside = os.open('/proc/self/ns/net', os.O_RDONLY)
    for place, network in enumerate(spec['networks']):
        name, outside = b'eth%d' % place, b'veth%d-%d' % (spec['number'], place)
        pair(name, outside, host)
        address(name, network['address'], '255.255.0.0')
        up(name)
        check(libc.setns(host, NEWNET))
        join_bridge(network['bridge'].encode(), outside)
        check(libc.setns(inside, NEWNET))
    unshare(NEWNS | NEWUTS | NEWIPC | NEWPID)
    first = os.fork()
    if first == 0:
        socket.sethostname(spec['name'])
        output_to(spec)
        make_root(spec)
        if not spec['init']:
            execute(spec)
        only = os.fork()
        if only == 0:
            execute(spec)
        stand_for(only)
    os.write(report, b'%d' % first)
    os.close(report)
    stand_for(first)


def run_inside(spec, first):
    """A further process of a container."""
    spaces = [os.open('/proc/%d/ns/%s' % (first, name), os.O_RDONLY) for name in ('net', 'uts', 'ipc', 'pid', 'mnt')]
    output_to(spec)
    for space in spaces:
        check(libc.setns(space, 0))
    only = os.fork()
    if only == 0:
        execute(spec)
    stand_for(only)


async def publish(ports):
    """What listens on the host's loopback address and leads into containers."""

    async def copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def relay_to(target):
        async def relay(reader, writer):
            try:
                inside = await asyncio.open_connection(*target)
            except OSError:
                writer.close()
                return
            await asyncio.gather(copy(reader, inside[1]), copy(inside[0], writer))

        return relay

    servers = [await asyncio.start_server(relay_to((ip, inner)), host, outer) for host, outer, ip, inner in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


# --- the host


def start(request, containers):
    """Returns the process that runs for a request."""
    kind, spec = request['do'], request.get('spec')
    readable, writable = os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(writable)
        if kind == 'container':
            containers[spec['name']] = int(os.read(readable, 32) or b'0')
        os.close(readable)
        return pid
    try:
        os.close(readable)
        if kind == 'container':
            run_container(spec, writable)
        if kind == 'inside':
            run_inside(spec, containers[request['container']])
        output_to(spec)
        if kind == 'publish':
            asyncio.run(publish(spec['ports']))
        execute(spec)
    except BaseException as error:
        os.write(2, b'the host of containers: %s\n' % repr(error).encode())
    finally:
        os._exit(125)


def say(**what):
    sys.stdout.write(json.dumps(what) + '\n')
    sys.stdout.flush()


def main():
    up(b'lo')
    for name, ip in json.loads(sys.argv[1]).items():
        make_bridge(name.encode(), ip)
    containers, running, rest = {}, {}, b''
    say(ready=True)
    while True:
        if select.select([0], [], [], 0.02)[0]:
            read = os.read(0, 65536)
            if read == b'':
                os._exit(0)
            *lines, rest = (rest + read).split(b'\n')
            for request in map(json.loads, lines):
                if request['do'] == 'signal':
                    try:
                        os.kill(containers[request['container']], request['signal'])
                    except ProcessLookupError:
                        pass
                else:
                    running[start(request, containers)] = request['id']
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid in running:
                    say(id=running.pop(pid), code=code_of(status))
        except ChildProcessError:
            pass


main()
