class TodoUp < Formula
  desc "@SUMMARY@"
  homepage "https://github.com/@REPOSITORY@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "@BASE@/@NAME@-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256:aarch64-apple-darwin@"
    end
    on_intel do
      url "@BASE@/@NAME@-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256:x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "@BASE@/@NAME@-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256:aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "@BASE@/@NAME@-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256:x86_64-unknown-linux-musl@"
    end
  end

  depends_on "minikube"

  def install
    bin.install "todo"
    %w[up down status].each { |name| bin.install_symlink "todo" => "todo-#{name}" }
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/todo.bash" => "todo"
    fish_completion.install "completions/todo.fish"
    zsh_completion.install "completions/_todo"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/todo --version")
    assert_match "Usage: todo up", shell_output("#{bin}/todo-up --help")
  end
end
