using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Accounts;

public sealed class RegisterTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_new_user_is_registered_and_can_sign_in()
    {
        var name = ProductionMesh.NewName();

        var answer = await mesh.Gateway.RegisterAsync(name, "correct horse");

        Assert.Equal(200, answer.Status);
        Assert.Equal($$"""{"status":"success","message":"User {{name}} registered successfully"}""", answer.Text);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, "correct horse")).Status);
    }

    [Fact]
    public async Task A_name_is_taken_whatever_its_case()
    {
        var name = ProductionMesh.NewName();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, "correct horse")).Status);

        var answer = await mesh.Gateway.RegisterAsync(name.ToUpperInvariant(), "another password");

        answer.AssertError(409, "username_taken", "Username already exists");
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, "another password")).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name.ToUpperInvariant(), "correct horse")).Status);
    }

    [Fact]
    public async Task Of_fifty_at_once_one_gets_the_name()
    {
        var name = ProductionMesh.NewName();
        var spellings = Enumerable.Range(0, 50).Select(i => i % 2 == 0 ? name : name.ToUpperInvariant());

        var answers = await Task.WhenAll(spellings.Select((spelling, i) => mesh.Gateway.RegisterAsync(spelling, $"password number {i}")));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(409, "username_taken"));
        Assert.Equal(1, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE normalized_username = $1", name));
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("A.b_c-d@e+f")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123")]
    public async Task Every_allowed_form_of_name_is_accepted(string form)
    {
        var name = form.Length == 64 ? Guid.NewGuid().ToString("N") + form[32..] : form + ProductionMesh.NewName();

        var answer = await mesh.Gateway.RegisterAsync(name, "correct horse");

        Assert.Equal(200, answer.Status);
        Assert.Equal($"User {name} registered successfully", answer.Message);
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("a b c")]
    [InlineData(" abc")]
    [InlineData("abc\n")]
    [InlineData("jürgen")]
    [InlineData("аdmin")] // the first letter is Cyrillic
    [InlineData("abc\u200d")]
    [InlineData("abc/def")]
    [InlineData("abc:def")]
    [InlineData("01234567890123456789012345678901234567890123456789012345678901234")]
    public async Task Any_other_form_of_name_is_refused(string name)
    {
        var answer = await mesh.Gateway.RegisterAsync(name, "correct horse");

        answer.AssertError(400, "invalid_request", "username: must be 3 to 64 of the characters A-Z a-z 0-9 . _ - @ +", "username");
    }

    public static TheoryData<string> AcceptedPasswords =>
    [
        "8 horses", "        ", "päßwörter", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦", new string('x', 256), string.Concat(Enumerable.Repeat("🔑", 256)), "tab\tand\nline",
    ];

    [Theory]
    [MemberData(nameof(AcceptedPasswords))]
    public async Task A_password_is_taken_as_typed_and_never_cut(string password)
    {
        var name = ProductionMesh.NewName();

        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, password)).Status);

        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, password)).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, password[..^1])).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, password + "x")).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, password.Trim() + "!")).Status);
    }

    public static TheoryData<string> RefusedPasswords => ["1234567", "🔑🔑🔑🔑🔑🔑🔑", new string('x', 257), new string('x', 300)];

    [Theory]
    [MemberData(nameof(RefusedPasswords))]
    public async Task A_password_that_is_too_short_or_too_long_is_refused(string password)
    {
        var answer = await mesh.Gateway.RegisterAsync(ProductionMesh.NewName(), password);

        answer.AssertError(400, "invalid_request", "password: must be 8 to 256 characters", "password");
    }

    [Fact]
    public async Task The_stored_hash_names_its_scheme_and_pepper_and_holds_no_password()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        var stored = await mesh.Database.ScalarAsync<string>("SELECT password_hash FROM users WHERE normalized_username = $1", name);

        var pepper = await mesh.Database.ScalarAsync<string>("SELECT id FROM ring_keys WHERE purpose = 'Pepper'");
        Assert.StartsWith($"hmac-sha384+bcrypt:{pepper}:$2a$0{ProductionMesh.WorkFactor}$", stored, StringComparison.Ordinal);
        Assert.DoesNotContain(password, stored, StringComparison.Ordinal);
    }
}
