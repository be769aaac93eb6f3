using System.Runtime.InteropServices;
using AuthMesh.Tests.Pages;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>A web application on Node.js, with npm's openid-client.</summary>
[Collection<OnClientMesh>]
public sealed class OpenIdClientTests(ClientMesh mesh)
{
    /// <summary>The Node.js that Playwright brings, so that nobody has to install one.</summary>
    private static readonly string Node = Path.Combine(
        Chromium.PlaywrightFolder, ".playwright/node",
        $"{(OperatingSystem.IsMacOS() ? "darwin" : "linux")}-{RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}", "node");

    [Fact]
    public async Task Openid_client_signs_a_person_in_and_out()
    {
        var (registered, client) = await DrivenProgram.StartAsync(mesh, [Node, "openid-client.mjs"]);
        await using (client)
        {
            await Story.TellAsync(mesh, registered, client);
        }
    }
}
