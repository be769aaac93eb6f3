using AuthMesh.LocalMesh;

namespace AuthMesh.Tests.LocalMesh;

/// <summary>The file of <c>--settings</c> is read as the services read their appsettings.json, and a bad one is named.</summary>
public sealed class SettingsFileTests : IDisposable
{
    private readonly string file = Path.GetTempFileName();

    [Fact]
    public void Objects_and_lists_become_keys()
    {
        File.WriteAllText(
            file,
            """
            {
              // a comment
              "ReverseProxy": { "Routes": { "notes": { "Match": { "Methods": [ "GET", "PUT" ] }, "Order": 3 } } },
              "Gateway:Tls": { "Enabled": true, "File": null },
            }
            """);

        Assert.Equal(
            new Dictionary<string, string>
            {
                ["Gateway:Tls:Enabled"] = "True",
                ["ReverseProxy:Routes:notes:Match:Methods:0"] = "GET",
                ["ReverseProxy:Routes:notes:Match:Methods:1"] = "PUT",
                ["ReverseProxy:Routes:notes:Order"] = "3",
            },
            SettingsFile.Read(file));
        Assert.Equal("3", SettingsFile.Read(file)["reverseproxy:routes:NOTES:order"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1]")]
    [InlineData("\"text\"")]
    [InlineData("{\"a\":1")]
    [InlineData("{\"a\":1,\"A\":2}")]
    public void A_file_that_holds_no_settings_is_named(string text)
    {
        File.WriteAllText(file, text);

        var problem = Assert.Throws<MeshException>(() => SettingsFile.Read(file));
        Assert.StartsWith($"{file} cannot be read: ", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        File.Delete(file);

        Assert.Contains(file, Assert.Throws<MeshException>(() => SettingsFile.Read(file)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(file);
}
