using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>What <c>authmesh completion</c> prints makes a real bash complete.</summary>
public sealed class CompletionTests
{
    // As bash does it: the line and the place in it, and its words.
    private const string Complete =
        """
        authmesh() { "$DOTNET" "$CLIENT" "$@"; }
        source <(authmesh completion bash)
        COMP_LINE=$1 COMP_POINT=${#1}
        read -ra COMP_WORDS <<<"$1"
        case $1 in *' ') COMP_WORDS+=('') ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        $(complete -p authmesh | sed 's/.* -F \([^ ]*\) .*/\1/')
        printf '%s ' "${COMPREPLY[@]}"
        """;

    [Theory]
    [InlineData("authmesh log", "login logout")]
    [InlineData("authmesh users s", "show sign-out")]
    [InlineData("authmesh login --we", "--web")]
    [InlineData("authmesh login --web --d", "--device")]
    [InlineData("authmesh completion ", "bash powershell zsh")]
    [InlineData("authmesh users nothing-", "")]
    [InlineData("authmesh $(touch authmesh-was-here) log", "login logout")]
    public async Task Bash_completes_commands_options_and_their_values(string line, string expected)
    {
        var completed = await Finished.RunAsync(
            ["bash", "-c", Complete, "bash", line],
            new Dictionary<string, string> { ["DOTNET"] = Checkout.DotNet, ["CLIENT"] = Checkout.Dll("client", "authmesh") });

        Assert.Equal((0, ""), (completed.ExitCode, completed.Errors));
        var candidates = completed.Output.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal);
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), candidates);
        Assert.False(File.Exists("authmesh-was-here"));
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("powershell")]
    public async Task Each_script_says_where_it_belongs(string shell)
    {
        using var authmesh = new Authmesh();

        var printed = await authmesh.RunAsync("completion", shell);

        Assert.Equal((0, ""), (printed.ExitCode, printed.Errors));
        Assert.Contains($"authmesh completion {shell}", printed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_shell_is_refused()
    {
        using var authmesh = new Authmesh();

        (await authmesh.RunAsync("completion", "fish"))
            .AssertFailed(2, "authmesh: Argument 'fish' not recognized", "hint: authmesh completion --help");
    }
}
