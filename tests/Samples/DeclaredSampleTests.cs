using System.Text.Json;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Tokens;
using AuthMesh.Tests.Conventions.Documentation;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Samples;

/// <summary>samples/applications.json declares what the settings of the samples say.</summary>
public sealed class DeclaredSampleTests
{
    private static readonly string DeclaredFile = Path.Combine(Checkout.Root, "samples/applications.json");

    [Fact]
    public void The_file_fits_the_settings_of_the_samples()
    {
        var spa = Settings("samples/spa/appsettings.json", "Page");
        var worker = Settings("samples/worker/appsettings.Development.json", "AuthMesh").GetProperty("Client");
        var origin = JsonElement.Parse(SourceTree.Read("samples/spa/Properties/launchSettings.json"))
            .GetProperty("profiles").GetProperty("spa").GetProperty("applicationUrl").GetString();

        var (declarations, problems) = Read(isDevelopment: true);

        Assert.Empty(problems);
        Assert.Equal(
            [spa.GetProperty("ClientId").GetString()!, worker.GetProperty("Id").GetString()!],
            declarations!.Applications.Select(declared => declared.ClientId));
        Assert.Equal([origin + "/callback"], declarations.Applications[0].Settings.RedirectUris);
        Assert.Equal([NewSecret.HashOf(worker.GetProperty("Secret").GetString()!)], declarations.Applications[1].SecretHashes);
    }

    /// <summary>The secret of the worker is public.</summary>
    [Fact]
    public void Nobody_starts_a_mesh_in_production_with_it() =>
        Assert.Contains(Read(isDevelopment: false).Problems, problem => problem.Contains("redirect_uris", StringComparison.Ordinal));

    private static (Declarations? Declarations, IReadOnlyList<string> Problems) Read(bool isDevelopment) => ReadDeclarations.Read(
        DeclaredFile, new TokenOptions(), isDevelopment, new LogoutNetworks(new BackchannelLogoutOptions(), isDevelopment));

    private static JsonElement Settings(string file, string section) => JsonElement.Parse(SourceTree.Read(file)).GetProperty(section);
}
