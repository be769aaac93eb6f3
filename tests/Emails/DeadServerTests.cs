using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.SecondFactor;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

/// <summary>A mesh whose SMTP server cannot be reached, from the first request to the last.</summary>
public sealed class DeadServerTests(ProductionMesh production)
{
    [Fact]
    public async Task Everything_works_but_the_mails_which_wait()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        own.Settings["Identity:Mail:Host"] = "127.0.0.1";
        own.Settings["Identity:Mail:Port"] = "9"; // nothing listens there
        own.Settings["Identity:Mail:Tls"] = "None";
        own.Settings["Identity:Mail:From"] = "AuthMesh <no-reply@example.test>";
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        var (name, address) = (ProductionMesh.NewName(), EmailCalls.NewAddress());

        // 1. Register, prove the address, sign in.
        var registration = new { username = name, password = SessionCalls.Password, email = address };
        Assert.Equal(200, (await identity.PostAsync("/register", registration)).Status);
        var user = await identity.SignInAsync(name, SessionCalls.Password);
        await own.Database.ProveAsync(user.UserId, address);

        // 2. A second factor, a sign-in with it, and a new password.
        var totp = await identity.EnableTotpAsync(user, own.Database);
        var signedIn = await identity.LoginTotpAsync(await identity.BeginLoginAsync(user), totp.Code());
        Assert.Equal(200, signedIn.Status);
        Assert.Equal(200, (await identity.ChangePasswordAsync(signedIn.Token, user.Password, EmailCalls.NewPassword)).Status);
        Assert.Equal(202, (await identity.ForgotPasswordAsync(name)).Status);
        Assert.Equal("Ready", (await identity.GetAsync("/health/ready")).Message);

        // 3. The operator's command finds an admin with a passkey, whose owner is told what changed.
        var admin = (await own.Database.ScalarAsync<Guid?>("SELECT id FROM users WHERE username = 'admin'"))!.Value;
        await own.Database.ProveAsync(admin, EmailCalls.NewAddress());
        await own.Database.AddPasskeyRowAsync(admin);
        (await own.RunAsync("Production", "recover-admin", "admin")).AssertExited(0);
        Assert.Equal(
            "PasswordChanged SignInMethodRemoved SignInMethodRemoved", await own.Database.ScalarAsync<string>(
                "SELECT string_agg(kind, ' ' ORDER BY kind) FROM mails WHERE user_id = $1", admin));

        // 4. Every mail waits.
        await Patience.UntilAsync(async () => await own.Database.ScalarAsync<string>(
            "SELECT string_agg(kind, ' ' ORDER BY kind) FROM mails WHERE user_id = $1", user.UserId)
            == "PasswordChanged PasswordReset SignInMethodAdded VerifyEmail");
        await Patience.UntilAsync(async () => await own.Database.ScalarAsync<long>("SELECT count(*) FROM mails WHERE attempts > 0") > 0);
    }
}
