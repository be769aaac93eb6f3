using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

/// <summary>Of many uses of one proof at two replicas, exactly one succeeds.</summary>
[Collection<OnTwoReplicas>]
public sealed class ProofRaceTests(TwoReplicas mesh)
{
    [Fact]
    public async Task Two_hundred_concurrent_resets_with_one_proof_set_one_password()
    {
        var user = await mesh.Replica(0).SignUpAsync();
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).ResetPasswordAsync(proof, $"password number {i}"));

        var won = Assert.Single(Enumerable.Range(0, 200), i => answers[i].Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), AssertLost);
        Assert.Equal(1, await mesh.Database.ScalarAsync<int>("SELECT epoch FROM users WHERE id = $1", user.UserId));
        Assert.Equal(200, (await mesh.Replica(0).LoginAsync(user.Username, $"password number {won}")).Status);
    }

    [Fact]
    public async Task Two_hundred_concurrent_verifications_with_one_proof_prove_the_address_once()
    {
        var (user, address) = (await mesh.Replica(0).SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.RequestAsync(user.UserId, address);
        var proof = await mesh.Database.AddProofAsync(user.UserId, "VerifyEmail", address);

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).VerifyEmailAsync(proof, user.Token));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), AssertLost);
        Assert.Equal(address, await mesh.Database.FindEmailAsync(user.UserId));
    }

    [Fact]
    public async Task Of_two_accounts_that_prove_one_address_at_once_one_gets_it()
    {
        for (var round = 0; round < 10; round++)
        {
            var (address, users, proofs) = (EmailCalls.NewAddress(), new List<SignedIn>(), new List<string>());
            foreach (var spelling in new[] { address, address.ToUpperInvariant() })
            {
                users.Add(await mesh.Replica(0).SignUpAsync());
                await mesh.Database.RequestAsync(users[^1].UserId, spelling);
                proofs.Add(await mesh.Database.AddProofAsync(users[^1].UserId, "VerifyEmail", spelling));
            }

            var answers = await Together.RunAsync(2, i => mesh.Replica(i).VerifyEmailAsync(proofs[i], users[i].Token));

            Assert.Single(answers, answer => answer.Status == 200);
            Assert.Single(answers, answer => answer.Status == 400);
            Assert.Equal(1, await mesh.Database.ScalarAsync<long>(
                "SELECT count(*) FROM users WHERE normalized_email = $1", address.ToLowerInvariant()));
        }
    }

    [Fact]
    public async Task A_reset_that_races_other_changes_of_the_account_deadlocks_with_none()
    {
        for (var round = 0; round < 10; round++)
        {
            var (user, address) = (await mesh.Replica(0).SignUpAsync(), EmailCalls.NewAddress());
            await mesh.Database.RequestAsync(user.UserId, address);
            var reset = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");
            var verify = await mesh.Database.AddProofAsync(user.UserId, "VerifyEmail", address);

            var answers = await Together.RunAsync<Answer>(
                () => mesh.Replica(0).ResetPasswordAsync(reset), () => mesh.Replica(1).VerifyEmailAsync(verify, user.Token),
                () => mesh.Replica(0).DeleteAccountAsync(user.Token, user.Password),
                () => mesh.Replica(1).ChangePasswordAsync(user.Token, user.Password, "another password"));

            Assert.All(answers, answer => Assert.True(answer.Status is 200 or 400 or 401 or 403 or 409, answer.ToString()));
        }
    }

    // Beyond the lane's places a caller is told to come back, and the proof stays.
    private static void AssertLost(Answer answer) => Assert.Contains(answer.Code, new[] { "invalid_or_expired_token", "overloaded" });
}
