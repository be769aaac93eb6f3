using System.Diagnostics;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>Apache with mod_auth_openidc before a service that does not sign people in itself.</summary>
[Collection<OnClientMesh>]
public sealed class ApacheTests(ClientMesh mesh)
{
    [Fact]
    public async Task Apache_signs_a_person_in_and_out()
    {
        var origin = ClientMesh.FreeOrigin();
        var registered = await mesh.RegisterAsync("web", origin + "/callback", origin + "/signed-out");
        await using var client = Client.Start(new Uri(origin), mesh.Issuer, registered);
        await client.UntilItListensAsync();

        await Story.TellAsync(mesh, registered, client);
    }

    private sealed class Client(Process process, string folder, string origin, string issuer) : IRelyingParty
    {
        private const string Program = "/usr/sbin/apache2", Modules = "/usr/lib/apache2/modules";

        private readonly SignInByForm browser = new(issuer);

        private string Log => Path.Combine(folder, "errors.log");

        public static Client Start(Uri origin, string issuer, RegisteredClient registered)
        {
            Assert.True(
                File.Exists(Modules + "/mod_auth_openidc.so"),
                "mod_auth_openidc is missing. tests/ensure-clients.sh installs it, or says what to install.");
            var folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111); // started as root, Apache serves and caches as another user
            var process = Finished.Start(
                [Program, "-X", "-f", Path.Combine(Checkout.Root, "tests/OpenId/Clients/apache.conf")],
                new Dictionary<string, string>
                {
                    ["ADDRESS"] = new Uri(Loopback.Origin(origin.Port)).Authority,
                    ["PORT"] = $"{origin.Port}",
                    ["FOLDER"] = folder,
                    ["MODULES"] = Modules,
                    ["ISSUER"] = issuer,
                    ["CLIENT_ID"] = registered.Id,
                    ["CLIENT_SECRET"] = registered.Secret!,
                    ["SCOPE"] = ClientMesh.Scope,
                });
            return new Client(process, folder, origin.GetLeftPart(UriPartial.Authority), issuer);
        }

        public Task UntilItListensAsync() => Patience.UntilAsync(async () =>
        {
            if (process.HasExited) // a mistake in the configuration is on standard error, and all later messages are in the log
            {
                Assert.Fail($"Apache ends: {await process.StandardError.ReadToEndAsync()}{Errors()}");
            }

            return await CallAsync() != 200; // nobody is signed in
        });

        public async Task<HeldTokens> SignInAsync()
        {
            var (address, page) = await browser.OpenAsync(origin + "/protected");
            Assert.True(
                address.AbsoluteUri == origin + "/protected" && page!.Status == 200, $"The sign-in ends at {address}: {page}{Errors()}");
            return await HeldAsync();
        }

        public async Task<int> CallAsync() => (await browser.GetAsync(origin + "/protected")).Status;

        public async Task<HeldTokens> RefreshAsync()
        {
            var token = (await HeldAsync()).AccessToken;
            var back = origin + "/protected";
            var refreshed = await browser.GetAsync($"{origin}/callback?refresh={Uri.EscapeDataString(back)}&access_token={token}");
            Assert.Equal((302, back), (refreshed.Status, refreshed.Header("Location")));
            return await HeldAsync();
        }

        public async Task SignOutAsync()
        {
            var back = origin + "/signed-out";
            var (address, page) = await browser.OpenAsync($"{origin}/callback?logout={Uri.EscapeDataString(back)}");
            Assert.True(address.AbsoluteUri == back, $"The sign-out ends at {address}: {page}{Errors()}");
        }

        public async ValueTask DisposeAsync()
        {
            browser.Dispose();
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
            Directory.Delete(folder, recursive: true);
        }

        private async Task<HeldTokens> HeldAsync() => HeldTokens.Read((await browser.GetAsync(origin + "/callback?info=json")).Json);

        private string Errors() => File.Exists(Log) ? File.ReadAllText(Log) : "";
    }
}
