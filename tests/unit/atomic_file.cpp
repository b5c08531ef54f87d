// A file is replaced whole or not at all, whatever stops the writer.
#include "files/atomic_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include "files/descriptor.hpp"
#include "safetensors_support.hpp"

using namespace unspool;
using namespace unspool::test;
using unspool::detail::write_file_atomically;

namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// Runs `check` in a child process, whose limits and user may be changed, and tells whether it returned true.
bool holds_in_child(const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool holds = false;
    try {
      holds = check();
    } catch (...) {
    }
    ::_exit(holds ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

bool fails(const std::string& path, std::string_view reason) {
  const Error error = error_from([&] { write_file_atomically(path, "new", "save_test"); });
  return error.code() == ErrorCode::file_write && error.op() == "save_test" && contains(error.what(), reason) &&
         contains(error.what(), path);
}

}  // namespace

TEST_CASE("a file is made, then replaced, and nothing else is left in the folder") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.txt";
  write_file_atomically(path, "first");
  CHECK(get_file(path) == "first");
  write_file_atomically(path, {bytes("sec"), {}, bytes("ond")});
  CHECK(get_file(path) == "second");
  write_file_atomically(path, "");
  CHECK(get_file(path).empty());
  CHECK(folder.names() == std::set<std::string>{"a.txt"});
}

TEST_CASE("a path without a folder is written in the current one, and names may be as long as they get") {
  const TemporaryFolder folder;
  const std::string longest(255, 'x');
  CHECK(holds_in_child([&] {
    if (::chdir(folder.path().c_str()) != 0) return false;
    write_file_atomically("a.txt", "here");
    write_file_atomically(longest, "long");
    return true;
  }));
  CHECK(get_file(folder / "a.txt") == "here");
  CHECK(get_file(folder / longest) == "long");
}

TEST_CASE("a new file's mode follows the umask; a replaced file keeps its own") {
  const TemporaryFolder folder;
  CHECK(holds_in_child([&] {
    ::umask(027);
    write_file_atomically(folder / "new", "x");
    return true;
  }));
  CHECK(mode_of(folder / "new") == 0640);
  REQUIRE(::chmod((folder / "new").c_str(), 0606) == 0);
  write_file_atomically(folder / "new", "y");
  CHECK(mode_of(folder / "new") == 0606);
}

TEST_CASE("a symbolic link stays and its target is replaced") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "real");
  put_file(folder / "real/a", "old");
  std::filesystem::create_symlink("real/a", folder / "link");
  write_file_atomically(folder / "link", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(get_file(folder / "real/a") == "new");

  std::filesystem::create_symlink("nowhere", folder / "dangling");
  CHECK(fails(folder / "dangling", "symbolic link failed: No such file"));
}

TEST_CASE("folders, devices and pipes are not replaced") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(fails(folder / "sub", "it is a folder"));
  CHECK(fails(folder / "pipe", "not a plain file"));
  CHECK(fails("/dev/null", "not a plain file"));
  CHECK(fails(folder / "none/a", "No such file or directory"));
  CHECK(fails(folder / "pipe/a", "Not a directory"));
  CHECK(error_from([] { write_file_atomically("", "x"); }).code() == ErrorCode::file_write);
  CHECK(error_from([] { write_file_atomically(std::string("a\0b", 3), "x"); }).code() == ErrorCode::file_write);
  CHECK(folder.names() == std::set<std::string>{"pipe", "sub"});
}

TEST_CASE("a folder without permission, and a write-protected file, are file_write") {
  const TemporaryFolder folder;
  put_file(folder / "kept", "old");
  CHECK(holds_in_child([&] {
    std::filesystem::permissions(folder / "kept", std::filesystem::perms(0444));
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
    // Root may write anywhere, so the child becomes someone else.
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return false;
    return fails(folder / "new", "creating a temporary file failed: Permission denied") &&
           fails(folder / "kept", "opening failed: Permission denied");
  }));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  CHECK(get_file(folder / "kept") == "old");
  CHECK(folder.names() == std::set<std::string>{"kept"});
}

TEST_CASE("when the disk refuses more bytes, the old file is whole and no temporary is left") {
  // A file size limit stands for the full disk: like it, it cuts a write short and refuses the next.
  const TemporaryFolder folder;
  const std::string path = folder / "weights";
  write_file_atomically(path, "the old weights");
  const std::string large(100'000, 'x');
  CHECK(holds_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10'000, 10'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const Error error = error_from([&] { write_file_atomically(path, {bytes("head"), bytes(large)}, "save_test"); });
    return error.code() == ErrorCode::file_write && contains(error.what(), "writing failed: File too large") &&
           contains(error.what(), path);
  }));
  CHECK(get_file(path) == "the old weights");
  CHECK(folder.names() == std::set<std::string>{"weights"});
}

TEST_CASE("a writer that is killed leaves the old file whole") {
  const TemporaryFolder folder;
  const std::string path = folder / "weights";
  write_file_atomically(path, "the old weights");
  const std::string large(100'000, 'x');
  CHECK_FALSE(holds_in_child([&] {
    std::signal(SIGXFSZ, SIG_DFL);
    const rlimit limit{10'000, 10'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    write_file_atomically(path, large);
    return true;
  }));
  CHECK(get_file(path) == "the old weights");
  // What it left behind is in no one's way.
  write_file_atomically(path, "the new weights");
  CHECK(get_file(path) == "the new weights");
}

TEST_CASE("writers of one file at the same time leave one of their files, whole") {
  const TemporaryFolder folder;
  const std::string path = folder / "shared";
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    writers.emplace_back([&path, letter] {
      for (int i = 0; i < 10; ++i) write_file_atomically(path, std::string(50'000, letter));
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string left = get_file(path);
  CHECK(left.size() == 50'000);
  CHECK(left.find_first_not_of(left.front()) == std::string::npos);
  CHECK(folder.names() == std::set<std::string>{"shared"});
}

TEST_CASE("signals and short counts lose no byte") {
  // A pipe takes a few bytes at a time, and a timer without SA_RESTART breaks into reads and writes on both sides.
  CHECK(holds_in_child([] {
    int ends[2];
    if (::pipe(ends) != 0) return false;
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, nullptr);
    const itimerval often{{0, 1000}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    std::vector<std::byte> sent(2'000'000);
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i * 31 >> 3);
    if (::fork() == 0) {
      ::setitimer(ITIMER_REAL, &often, nullptr);
      ::_exit(detail::write_all(ends[1], sent));
    }
    detail::Descriptor(ends[1]).close();
    std::vector<std::byte> received(sent.size() + 1);
    const detail::ReadResult result = detail::read_all(ends[0], received);
    int status = 0;
    while (::wait(&status) < 0 && errno == EINTR) {
    }
    received.pop_back();
    return status == 0 && result.error == 0 && result.count == sent.size() && received == sent;
  }));
}

TEST_CASE("a descriptor that cannot be written or read gives the reason") {
  const detail::Descriptor full(::open("/dev/full", O_WRONLY));
  CHECK(detail::write_all(full.get(), bytes("x")) == ENOSPC);
  CHECK(detail::system_reason(ENOSPC) == "No space left on device");
  std::byte byte;
  CHECK(detail::read_all(full.get(), {&byte, 1}).error == EBADF);
}
