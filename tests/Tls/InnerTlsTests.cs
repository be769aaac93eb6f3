using System.Net;
using AuthMesh.Issuer;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Replicas;
using AuthMesh.Settings;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.ShortPath;
using AuthMesh.Tests.Streams;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Tls;

/// <summary>TLS between gateway and services: another replica of each, on the database of the shared mesh.</summary>
public sealed class InnerTlsTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_mesh_works_with_TLS_inside_and_a_gateway_with_another_root_trusts_no_service()
    {
        using var folder = new CertificateFolder(TestAuthority.Shared.Issue());
        await using var identity = await StartAsync(mesh.Mesh.Identity, folder);
        var identityUrl = $"https://localhost:{PortOf(identity)}";
        await identity.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await using var resource = await StartAsync(mesh.Mesh.Resource, folder, identityUrl);
        await using var gateway = await StartGatewayAsync(identityUrl, resource, folder);
        await resource.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await gateway.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var caller = new Caller(gateway.Address);
        var (name, password) = (ProductionMesh.NewName(), "a password for a test");

        // The gateway's clusters demand HTTP/2, so each answer has come over HTTP/2 and TLS.
        Assert.Equal(200, (await caller.RegisterAsync(name, password)).Status);
        var token = await caller.TokenAsync(name, password);
        Assert.Equal(200, (await caller.GetAsync("/protected", token)).Status);
        using (var socket = await caller.OpenAsync(token))
        {
            Assert.Equal("hello", await socket.EchoAsync("hello"));
        }

        using var other = new CertificateFolder(TestAuthority.Shared.Issue(), new TestAuthority());
        await using var stranger = await StartGatewayAsync(identityUrl, resource, other);
        await stranger.UntilLoggedAsync(
            "Cannot fetch keys from the identity service: The certificate of the service does not lead to one in "
            + "AuthMesh:Tls:RootCertificateFile: ");
        using var refused = new Caller(stranger.Address);
        var answer = await Patience.UntilAsync(() => refused.LoginAsync(name, password), _ => true); // it may not listen yet
        answer.AssertError(503, "service_unavailable");
        Assert.Equal(503, (await refused.GetAsync("/protected", token)).Status);
        Assert.Equal(503, (await refused.GetAsync("/health/ready")).Status);
    }

    [Theory]
    [InlineData("the right one", null)]
    [InlineData("another root", "does not lead to one in AuthMesh:Tls:RootCertificateFile: ")]
    [InlineData("the system's roots", "invalid")]
    [InlineData("another name", "refused: RemoteCertificateNameMismatch")]
    [InlineData("expired", "does not lead to one in AuthMesh:Tls:RootCertificateFile: NotTimeValid")]
    [InlineData("not a file any more", null)] // the roots that it had
    [InlineData("half written", null)]
    public async Task Only_a_good_certificate_for_the_called_name_is_trusted(string kind, string? fault)
    {
        using var folder = new CertificateFolder(kind switch
        {
            "another name" => TestAuthority.Shared.Issue("identity-service"),
            "expired" => TestAuthority.Shared.Issue(left: TimeSpan.FromMinutes(-1)),
            _ => TestAuthority.Shared.Issue(),
        });
        var port = Ports.Free();
        await using var service = await TestService.StartAsync(
            before: builder =>
            {
                foreach (var (key, value) in folder.Settings("AuthMesh"))
                {
                    builder.Configuration[key] = value;
                }
            },
            use: app => app.MapGet("/x", () => "").AllowAnonymous(),
            url: $"https://localhost:{port}");
        var options = new AuthMeshOptions { IdentityUrl = $"https://localhost:{port}", ServiceKey = ProductionMesh.ServiceKey };
        options.Tls.RootCertificateFile = kind == "the system's roots" ? "" : folder.RootFile;
        if (kind == "another root")
        {
            await File.WriteAllTextAsync(folder.RootFile, new TestAuthority().RootPem, TestContext.Current.CancellationToken);
        }

        using var names = new NameAddresses(
            Dns.GetHostAddressesAsync, Options.Create(options), TimeProvider.System, NullLogger<NameAddresses>.Instance);
        using var connection = new IssuerConnection(Options.Create(options), names);
        if (kind is "not a file any more" or "half written")
        {
            await CallAsync();
            File.Delete(folder.RootFile);
        }

        if (kind == "half written")
        {
            var another = new TestAuthority().RootPem;
            await File.WriteAllTextAsync(
                folder.RootFile, another + another[..(another.Length / 2)], TestContext.Current.CancellationToken);
        }

        if (fault is null)
        {
            using var answer = await CallAsync();
            Assert.Equal(200, (int)answer.StatusCode);
        }
        else
        {
            var exception = await Assert.ThrowsAsync<HttpRequestException>(CallAsync);
            Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
        }

        Task<HttpResponseMessage> CallAsync() =>
            connection.SendAsync(() => new(HttpMethod.Get, new Uri("/x", UriKind.Relative)), TestContext.Current.CancellationToken);
    }

    private Task<ServiceProcess> StartGatewayAsync(string identityUrl, ServiceProcess resource, CertificateFolder folder)
    {
        Assert.Contains(mesh.Mesh.Gateway.Settings, setting => setting.Value == "RequestVersionExact");
        return ServiceProcess.StartAsync(
            "gateway",
            new Dictionary<string, string>(mesh.Mesh.Gateway.Settings)
            {
                ["AuthMesh:IdentityUrl"] = identityUrl,
                ["AuthMesh:Tls:RootCertificateFile"] = folder.RootFile,
                ["ReverseProxy:Clusters:identity:Destinations:one:Address"] = identityUrl,
                ["ReverseProxy:Clusters:resource:Destinations:one:Address"] = $"https://localhost:{PortOf(resource)}",
            },
            "Production", start: WithinThisProcess.StartAsync);
    }

    /// <summary>Starts another replica that listens on https too. The plain address is for the test's own probes.</summary>
    private static Task<ServiceProcess> StartAsync(ServiceProcess running, CertificateFolder folder, string? identityUrl = null)
    {
        var port = Ports.Free();
        var settings = new Dictionary<string, string>([.. running.Settings, .. folder.Settings("AuthMesh")])
        {
            ["AuthMesh:Tls:RootCertificateFile"] = folder.RootFile,
            ["urls"] = $"{Loopback.Origin(port)};https://localhost:{Ports.Free()}",
        };
        if (identityUrl is not null)
        {
            settings["AuthMesh:IdentityUrl"] = identityUrl;
        }

        // Other tests may create demo users in this database, and only Development starts with them.
        var environment = running.Name == "identity-service" ? "Development" : "Production";
        return ServiceProcess.StartAsync(running.Name, settings, environment, port, start: WithinThisProcess.StartAsync);
    }

    private static int PortOf(ServiceProcess service) => new Uri(service.Settings["urls"].Split(';')[1]).Port;
}
