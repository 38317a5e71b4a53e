-- Errors of system calls that their manual pages allow, as strace injects them.

-- By the calls' names, as strace injects them. brk(2) as a system call returns the old break when
-- it fails.
local ERRORS = {
  access = { "error=EACCES", "error=EIO" }, bind = { "error=EADDRINUSE" }, brk = { "retval=0" },
  clone = { "error=EAGAIN" }, clone3 = { "error=EAGAIN" }, close = { "error=EIO", "error=EINTR" },
  close_range = { "error=ENOSYS" }, connect = { "error=ECONNREFUSED", "error=ENETUNREACH" },
  dup = { "error=EMFILE" }, epoll_create1 = { "error=EMFILE", "error=ENOMEM" },
  epoll_ctl = { "error=ENOMEM", "error=ENOSPC" }, epoll_wait = { "error=EINTR" },
  fchmod = { "error=EIO", "error=EROFS" }, fcntl = { "error=EINVAL" },
  flock = { "error=EINTR", "error=ENOLCK" }, fstat = { "error=ENOMEM" },
  fsync = { "error=EIO", "error=ENOSPC" }, getdents64 = { "error=ENOENT" },
  getpeername = { "error=ENOBUFS" }, getrandom = { "error=EINTR", "error=ENOSYS" },
  getsockname = { "error=ENOBUFS" }, getsockopt = { "error=ENOPROTOOPT" },
  inotify_add_watch = { "error=ENOSPC", "error=EACCES" }, inotify_init1 = { "error=EMFILE" },
  ioctl = { "error=ENOTTY" }, kill = { "error=ESRCH" }, listen = { "error=EADDRINUSE" },
  lseek = { "error=ESPIPE" }, madvise = { "error=EAGAIN", "error=EINVAL" },
  mkdir = { "error=ENOSPC", "error=EROFS" }, mkdirat = { "error=ENOSPC", "error=EROFS" },
  mmap = { "error=ENOMEM" }, mprotect = { "error=ENOMEM" }, mremap = { "error=ENOMEM" },
  munmap = { "error=ENOMEM" }, newfstatat = { "error=ENOMEM", "error=EACCES" },
  open = { "error=EMFILE", "error=EIO" }, openat = { "error=EMFILE", "error=EIO" },
  openat2 = { "error=ENOSYS", "error=EMFILE" }, pidfd_open = { "error=ENOSYS", "error=EMFILE" },
  pidfd_send_signal = { "error=ESRCH" }, pipe2 = { "error=EMFILE", "error=ENFILE" },
  poll = { "error=EINTR", "error=ENOMEM" }, prctl = { "error=EINVAL", "error=EPERM" },
  pread64 = { "error=EIO" }, prlimit64 = { "error=EPERM" },
  read = { "error=EIO", "error=EINTR" }, readlink = { "error=EACCES", "error=ENOMEM" },
  recvfrom = { "error=ECONNRESET", "error=EINTR" }, rename = { "error=EIO", "error=ENOSPC" },
  renameat = { "error=EIO", "error=ENOSPC" }, sendto = { "error=ECONNRESET", "error=EPIPE" },
  setsockopt = { "error=ENOPROTOOPT" }, signalfd4 = { "error=EMFILE", "error=ENOMEM" },
  socket = { "error=EMFILE", "error=EACCES" }, socketpair = { "error=EMFILE" },
  statx = { "error=ENOMEM" }, unlink = { "error=EIO", "error=EROFS" },
  unlinkat = { "error=EIO", "error=EROFS" }, vfork = { "error=EAGAIN", "error=ENOMEM" },
  wait4 = { "error=EINTR", "error=ECHILD" }, waitid = { "error=EINTR", "error=ECHILD" },
  write = { "error=EIO", "error=ENOSPC" },
}

-- They fail for a mistake of the caller's alone, or not at all; or have ended the program already.
local NEVER = { arch_prctl = true, clock_gettime = true, execve = true, exit_group = true,
  futex = true, getegid = true, geteuid = true, getgid = true, getpid = true, getppid = true,
  gettid = true, getuid = true, rseq = true, rt_sigaction = true, rt_sigprocmask = true,
  rt_sigreturn = true, sched_yield = true, set_robust_list = true, set_tid_address = true,
  sigaltstack = true, sysinfo = true, umask = true, uname = true, tgkill = true }

---@param call { name: string, line: string } see spec/support/strace.lua
---@return string[]? errors none for what cannot fail but by a mistake of the caller's; nil: unknown
return function(call)
  -- strace fails a call by not making it: a pipe would stay open, which close(2) never leaves it,
  -- and whoever reads from it would wait for ever.
  if call.name == "close" and call.line:find("<pipe:", 1, true) then return {} end
  return ERRORS[call.name] or NEVER[call.name] and {} or nil
end
