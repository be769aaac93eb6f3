using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/client.md lists the exit codes that scripts rely on.</summary>
public sealed class ClientPageTests
{
    [Fact]
    public void The_page_lists_exactly_the_exit_codes()
    {
        // Loaded by path: like the services, the client is a separate program without a project reference.
        var meanings = Assembly.LoadFrom(Checkout.Dll("client", "authmesh"))
            .GetType("AuthMesh.Client.CommandLine.ExitCode", throwOnError: true)!
            .GetField("Meanings")!.GetValue(null);

        Assert.Equal(
            ((IEnumerable)meanings!).Cast<ITuple>().Select(meaning => $"{meaning[0]}"),
            new Page("docs/client.md").Rows("exit code").Select(row => row[0]));
    }
}
