using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.SecondFactor;

/// <summary>Many callers use one code, one recovery code or one login token at two replicas. One succeeds.</summary>
[Collection<OnTwoReplicas>]
public sealed class CodeRaceTests(TwoReplicas mesh)
{
    private const int Callers = 200;

    [Fact]
    public async Task Of_many_sign_ins_with_one_code_one_succeeds()
    {
        var totp = await mesh.Replica(0).SignUpWithTotpAsync(mesh.Database);
        var tokens = await BeginAsync(totp);
        var code = totp.Code();

        var answers = await Together.RunAsync(Callers, i => mesh.Replica(i).LoginTotpAsync(tokens[i], code));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(
            answers.Where(answer => answer.Status != 200),
            answer => Assert.Contains(answer.Code, new[] { "wrong_code", "totp_blocked" }));
        Assert.Equal(2, await SessionsAsync(totp)); // with the one of the sign-up
    }

    [Fact]
    public async Task Of_many_sign_ins_with_one_recovery_code_one_succeeds()
    {
        var totp = await mesh.Replica(0).SignUpWithTotpAsync(mesh.Database);
        var tokens = await BeginAsync(totp);

        var answers = await Together.RunAsync(Callers, i => mesh.Replica(i).LoginRecoveryCodeAsync(tokens[i], totp.RecoveryCodes[0]));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(401, "wrong_code"));
        Assert.Equal(2, await SessionsAsync(totp));
    }

    [Fact]
    public async Task Of_many_calls_with_one_login_token_and_different_codes_one_succeeds()
    {
        var totp = await mesh.Replica(0).SignUpWithTotpAsync(mesh.Database);
        var token = await mesh.Replica(0).BeginLoginAsync(totp.User);
        var code = totp.Code();

        var answers = await Together.RunAsync(Callers, i => i % 2 == 0
            ? mesh.Replica(i / 2).LoginTotpAsync(token, code)
            : mesh.Replica(i / 2).LoginRecoveryCodeAsync(token, totp.RecoveryCodes[i % 10]));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(
            answers.Where(answer => answer.Status != 200),
            answer => Assert.Contains(answer.Code, new[] { "wrong_code", "invalid_or_expired_token" }));
        Assert.Equal(2, await SessionsAsync(totp));
    }

    [Fact]
    public async Task Of_many_wrong_codes_at_once_the_fifty_first_is_not_checked()
    {
        var totp = await mesh.Replica(0).SignUpWithTotpAsync(mesh.Database);
        var tokens = await BeginAsync(totp);

        var answers = await Together.RunAsync(Callers, i => mesh.Replica(i).LoginTotpAsync(tokens[i], totp.WrongCode));

        Assert.Equal(50, answers.Count(answer => answer.Code == "wrong_code"));
        Assert.Equal(Callers - 50, answers.Count(answer => answer.Code == "totp_blocked"));
    }

    [Fact]
    public async Task Of_two_removals_at_once_the_second_sees_what_the_first_left()
    {
        for (var round = 0; round < 10; round++)
        {
            var totp = await mesh.Replica(0).SignUpWithTotpAsync(mesh.Database);

            var answers = await Together.RunAsync(4, i => mesh.Replica(i).CallAsync(HttpMethod.Delete, "/account/totp", totp.Token));

            Assert.Single(answers, answer => answer.Status == 200);
            Assert.Equal(200, (await mesh.Replica(0).LoginAsync(totp.User.Username, totp.User.Password)).Status);
        }
    }

    // A few at a time: the hashing lane turns two hundred at once away.
    private async Task<IReadOnlyList<string>> BeginAsync(TwoStepUser totp)
    {
        var tokens = new List<string>();
        while (tokens.Count < Callers)
        {
            tokens.AddRange(await Together.RunAsync(20, i => mesh.Replica(i).BeginLoginAsync(totp.User)));
        }

        return tokens;
    }

    private Task<long> SessionsAsync(TwoStepUser totp) =>
        mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", totp.UserId);
}
