using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

/// <summary>A mesh without mail whose admins invite everybody.</summary>
public sealed class NoMailTests(ProductionMesh production) : IAsyncLifetime
{
    private OwnDatabase own = null!;
    private ServiceProcess service = null!;
    private Caller identity = null!;
    private string admin = "";

    public async ValueTask InitializeAsync()
    {
        own = await OwnDatabase.CreateAsync(production);
        own.Settings["Identity:Accounts:Registration"] = "Invitation";
        service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        identity = new Caller(service);
        var password = (await File.ReadAllTextAsync(own.FileIn("generated-password"), TestContext.Current.CancellationToken)).Trim();
        admin = await identity.TokenAsync("admin", password);
    }

    [Fact]
    public async Task Admins_hand_out_links_and_nothing_else_works_without_mail()
    {
        // 1. Nobody registers.
        (await identity.RegisterAsync(ProductionMesh.NewName(), SessionCalls.Password)).AssertError(403, "registration_closed");

        // 2. An admin invites, and hands out the link, which proves no address.
        var name = ProductionMesh.NewName();
        var invited = await identity.CallAsync(HttpMethod.Post, "/users", admin, new { username = name });
        Assert.Equal(201, invited.Status);
        Assert.StartsWith(ProductionMesh.Issuer + "/invitation?token=", invited.Member("link"), StringComparison.Ordinal);
        Assert.Equal(200, (await identity.ResetPasswordAsync(invited.Member("link")!.Split('=')[1])).Status);
        var user = await identity.SignInAsync(name, EmailCalls.NewPassword);

        // 3. A proved address of earlier times does not keep the admin from handing out a reset, which leaves the address as it is.
        await own.Database.ProveAsync(user.UserId, "carol@example.test");
        var reset = await identity.CallAsync(HttpMethod.Post, $"/users/{user.UserId}/password-reset", admin);
        Assert.StartsWith(ProductionMesh.Issuer + "/reset?token=", reset.Member("link"), StringComparison.Ordinal);
        Assert.Equal(200, (await identity.ResetPasswordAsync(reset.Member("link")!.Split('=')[1], "yet another password")).Status);
        user = await identity.SignInAsync(name, "yet another password");

        // 4. What needs mail says so.
        (await identity.ForgotPasswordAsync(name)).AssertError(404, "mail_not_configured");
        (await identity.ChangeEmailAsync(user.Token, EmailCalls.NewAddress())).AssertError(404, "mail_not_configured");
        (await identity.CallAsync(
            HttpMethod.Post, "/users", admin, new { username = ProductionMesh.NewName(), email = EmailCalls.NewAddress() }))
            .AssertError(404, "mail_not_configured");
        Assert.Equal(200, (await identity.CallAsync(HttpMethod.Delete, "/account/email", user.Token)).Status);
        Assert.Equal(0, await own.Database.ScalarAsync<long>("SELECT count(*) FROM mails"));
    }

    public async ValueTask DisposeAsync()
    {
        identity?.Dispose();
        if (service is not null)
        {
            await service.DisposeAsync();
        }

        await own.DisposeAsync();
    }
}
