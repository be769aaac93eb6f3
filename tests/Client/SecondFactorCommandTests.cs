using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.SecondFactor;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Client;

/// <summary>A second factor at the console: setting it up, and giving it where it is demanded.</summary>
public sealed partial class SecondFactorCommandTests(ProductionMesh mesh) : IDisposable
{
    private const string FirstCode = "First code of the app: ", Code = "Code of your authenticator app, or a recovery code: ";

    private readonly Authmesh authmesh = new();

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task A_person_sets_an_app_up_and_removes_it_again()
    {
        var user = await SignInAsync(await mesh.Gateway.SignUpAsync());

        var enabled = await authmesh.AtTerminalAsync(
            [(FirstCode, _ => "000 00"), (FirstCode, shown => CodeOf(SecretIn(shown)))], "totp", "enable");

        enabled.AssertExited(0);
        Assert.Contains("▄", enabled.Output, StringComparison.Ordinal);
        Assert.Contains("The code does not fit the secret", enabled.Output, StringComparison.Ordinal);
        Assert.Contains("Your authenticator app is on", enabled.Output, StringComparison.Ordinal);
        Assert.Equal(10, RecoveryCode().Count(enabled.Output));
        await mesh.Gateway.BeginLoginAsync(user);

        // The token of the answer has two factors, so that nothing is asked for.
        var account = await authmesh.RunAsync("account");
        Assert.Contains("factors   authenticator app, 10 recovery codes left\n", account.Output, StringComparison.Ordinal);
        var replaced = await authmesh.RunAsync("recovery-codes");
        replaced.AssertExited(0);
        Assert.Equal(10, RecoveryCode().Count(replaced.Output));
        var removed = await authmesh.RunAsync("totp", "disable");
        Assert.Equal((0, "Authenticator app removed\n"), (removed.ExitCode, removed.Output));
        Assert.Contains("factors   the password is enough\n", (await authmesh.RunAsync("account")).Output, StringComparison.Ordinal);
        (await authmesh.RunAsync("totp", "disable")).AssertFailed(1, "You have no authenticator app", "authmesh totp enable");
        (await authmesh.RunAsync("totp", "enable")).AssertFailed(2, "without a terminal");
    }

    [Fact]
    public async Task A_script_gives_the_code_as_an_option()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        (await LoginAsync(totp)).AssertFailed(
            4, "Enter a code of your authenticator app", $"give a code: authmesh login {totp.User.Username} --server {Server} --code CODE");
        (await LoginAsync(totp, "--code", totp.WrongCode)).AssertFailed(4, "The code is wrong, or was used before");
        Assert.False(File.Exists(authmesh.SessionFile));

        var signedIn = await LoginAsync(totp, "--code", totp.Code());
        Assert.Equal((0, $"Welcome {totp.User.Username}!\n", ""), (signedIn.ExitCode, signedIn.Output, signedIn.Errors));
        (await authmesh.RunAsync("protected")).AssertExited(0);

        var document = (await LoginAsync(totp, "--json", "--code", totp.RecoveryCodes[0])).Document();
        Assert.Equal(("success", "Bearer"), (document.Member("status"), document.Member("token_type")));
        var demanded = (await LoginAsync(totp, "--json")).Document();
        Assert.Equal("second_factor_required", demanded.Member("code"));
        Assert.Equal("""["totp","recovery_code"]""", demanded.Member("methods"));
    }

    [Fact]
    public async Task A_person_is_asked_for_the_code_and_may_correct_it()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        var login = await authmesh.AtTerminalAsync(
            [("Password: ", _ => totp.User.Password), (Code, _ => totp.WrongCode), (Code, _ => totp.Code())],
            "login", totp.User.Username, "--server", Server);

        login.AssertExited(0);
        Assert.Contains("The code is wrong, or was used before. Try again", login.Output, StringComparison.Ordinal);
        Assert.Contains($"Welcome {totp.User.Username}!", login.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_trusted_device_no_code_is_asked_for()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        (await LoginAsync(totp, "--code", totp.Code(), "--trust-device")).AssertExited(0);

        (await LoginAsync(totp)).AssertExited(0);
    }

    [Fact]
    public async Task A_command_that_demands_two_factors_asks_for_both_and_goes_on()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        (await LoginAsync(totp, "--code", totp.Code())).AssertExited(0);
        await mesh.Database.ExecuteAsync("""UPDATE sessions SET methods = '{"pwd": 1}' WHERE user_id = $1""", totp.UserId);
        authmesh.Expire(Server); // the next token says so

        (await authmesh.RunAsync("recovery-codes")).AssertFailed(4, "Confirm", "run the command at a terminal");
        // The endpoint sees the token's age first, so that it names two factors only after a proof of one.
        var done = await authmesh.AtTerminalAsync(
            [($"Password of {totp.User.Username}: ", _ => totp.User.Password), (Code, _ => totp.Code(1))], "recovery-codes");

        done.AssertExited(0);
        Assert.Equal(10, RecoveryCode().Count(done.Output));
    }

    public void Dispose() => authmesh.Dispose();

    private async Task<SignedIn> SignInAsync(SignedIn user)
    {
        (await authmesh.PipeAsync(user.Password, "login", user.Username, "--password-stdin", "--server", Server)).AssertExited(0);
        return user;
    }

    private Task<Finished> LoginAsync(TwoStepUser totp, params string[] more) => authmesh.PipeAsync(
        totp.User.Password, ["login", totp.User.Username, "--password-stdin", "--server", Server, .. more]);

    private static byte[] SecretIn(string shown) =>
        SecondFactorCalls.Decode(Secret().Match(shown).Groups[1].Value.Replace(" ", "", StringComparison.Ordinal));

    private static string CodeOf(byte[] secret) => AuthMesh.Identity.SecondFactor.Totp.CodeAt(
        secret, AuthMesh.Identity.SecondFactor.Totp.StepAt(TimeProvider.System.GetUtcNow()));

    [GeneratedRegex("enter the secret:\\s+((?:[A-Z2-7]{4} ?){8})")]
    private static partial Regex Secret();

    [GeneratedRegex("^  [a-z2-7]{5}-[a-z2-7]{5}\\r?$", RegexOptions.Multiline)]
    private static partial Regex RecoveryCode();
}
