using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Accounts;

public sealed class RegisterTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_registered_user_can_sign_in()
    {
        var name = ProductionMesh.NewName();

        var answer = await mesh.Gateway.RegisterAsync(name, "correct horse");

        Assert.Equal(200, answer.Status);
        Assert.Equal($$"""{"status":"success","message":"User {{name}} registered successfully"}""", answer.Text);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, "correct horse")).Status);
    }

    [Fact]
    public async Task A_taken_name_is_refused_in_any_case()
    {
        var name = ProductionMesh.NewName();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, "correct horse")).Status);

        var answer = await mesh.Gateway.RegisterAsync(name.ToUpperInvariant(), "another password");

        answer.AssertError(409, "username_taken", "Username already exists");
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, "another password")).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name.ToUpperInvariant(), "correct horse")).Status);
    }

    [Fact]
    public async Task Only_one_of_fifty_concurrent_registrations_gets_the_name()
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
    public async Task Every_allowed_form_of_a_name_is_accepted(string form)
    {
        var name = form.Length == 64 ? Guid.NewGuid().ToString("N") + form[32..] : form + ProductionMesh.NewName();

        var answer = await mesh.Gateway.RegisterAsync(name, "correct horse");

        Assert.Equal(200, answer.Status);
        Assert.Equal($"User {name} registered successfully", answer.Message);
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("a b c")]
    [InlineData("   ")]
    [InlineData("\u00a0abc")] // a no-break space, which is not ASCII white space
    [InlineData("abc\u3000")]
    [InlineData("abc\v")]
    [InlineData(" ab ")]
    [InlineData("jürgen")]
    [InlineData("аdmin")] // the first letter is Cyrillic
    [InlineData("abc\u200d")]
    [InlineData("abc/def")]
    [InlineData("abc:def")]
    [InlineData("01234567890123456789012345678901234567890123456789012345678901234")]
    public async Task Any_other_form_of_a_name_is_refused(string name)
    {
        var answer = await mesh.Gateway.RegisterAsync(name, "correct horse");

        answer.AssertError(400, "invalid_request", "username: must be 3 to 64 of the characters A-Z a-z 0-9 . _ - @ +", "username");
    }

    [Theory]
    [InlineData(" NAME")]
    [InlineData("NAME ")]
    [InlineData("\t\r\n\f NAME \f\n\r\t")]
    public async Task White_space_around_a_name_is_ignored(string form)
    {
        var name = ProductionMesh.NewName();
        var padded = form.Replace("NAME", name, StringComparison.Ordinal);

        (await mesh.Gateway.RegisterAsync(padded, name + "12")).AssertError(
            400, "invalid_request", "password: is little more than your name. Choose one that nobody can make from it", "password");
        Assert.Equal($"User {name} registered successfully", (await mesh.Gateway.RegisterAsync(padded, "correct horse")).Message);

        (await mesh.Gateway.RegisterAsync(name, "another password")).AssertError(409, "username_taken");
        Assert.Equal($"Welcome {name}!", (await mesh.Gateway.LoginAsync(padded, "correct horse")).Message);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(padded, "another password")).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync("\u00a0" + name, "correct horse")).Status);
    }

    [Theory]
    [InlineData("01a206df-fd48-7e5c-bf0e-4b06949bffdd")]
    [InlineData("01A206DF-FD48-7E5C-BF0E-4B06949BFFDD")]
    [InlineData(" 01a206df-fd48-7e5c-bf0e-4b06949bffdd ")]
    [InlineData("01a206dffd487e5cbf0e4b06949bffdd")]
    [InlineData("01a206df-fd487e5c-bf0e4b06-949bffdd")] // PostgreSQL accepts a hyphen after any four digits
    [InlineData("01a206df.fd48.7e5c.bf0e.4b06949bffdd")]
    [InlineData("01a206df_fd48_7e5c_bf0e_4b06949bffdd@")]
    [InlineData("0x000001-fd48-7e5c-bf0e-4b06949bffdd")] // .NET accepts these forms
    [InlineData("+0000001-fd48-7e5c-bf0e-4b06949bffdd")]
    public async Task A_name_in_the_form_of_an_id_is_refused(string name)
    {
        var answer = await mesh.Gateway.RegisterAsync(name, "correct horse");

        answer.AssertError(400, "invalid_request", "username: must not have the form of an id, which is 32 hexadecimal digits", "username");
    }

    [Theory]
    [InlineData("{01a206df-fd48-7e5c-bf0e-4b06949bffdd}")]
    [InlineData("(01a206df-fd48-7e5c-bf0e-4b06949bffdd)")]
    [InlineData("urn:uuid:01a206df-fd48-7e5c-bf0e-4b06949bffdd")]
    public async Task Spellings_of_an_id_with_braces_or_a_prefix_are_refused(string name) =>
        (await mesh.Gateway.RegisterAsync(name, "correct horse")).AssertError(400, "invalid_request", fields: "username");

    [Theory]
    [InlineData(31)]
    [InlineData(33)]
    [InlineData(32, "g")] // not a hexadecimal digit
    public async Task A_name_that_is_almost_an_id_is_accepted(int digits, string more = "")
    {
        var name = (Guid.NewGuid().ToString("N") + "0")[..digits] + more;

        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, "correct horse")).Status);
    }

    [Fact]
    public async Task An_existing_user_with_a_name_in_the_form_of_an_id_can_still_sign_in()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var old = Guid.NewGuid().ToString();
        await mesh.Database.ExecuteAsync(
            "UPDATE users SET username = $1, normalized_username = $1 WHERE normalized_username = $2", old, name);

        Assert.Equal($"Welcome {old}!", (await mesh.Gateway.LoginAsync(old.ToUpperInvariant(), password)).Message);
    }

    public static TheoryData<string> AcceptedPasswords =>
    [
        "8 horses", "        ", "päßwörter", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦", new string('x', 256), string.Concat(Enumerable.Repeat("🔑", 256)),
        "tab\tand\nline",
    ];

    [Theory]
    [MemberData(nameof(AcceptedPasswords))]
    public async Task A_password_is_used_exactly_as_typed(string password)
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
    public async Task The_stored_hash_names_its_scheme_and_pepper_and_does_not_contain_the_password()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        var stored = await mesh.Database.ScalarAsync<string>("SELECT password_hash FROM users WHERE normalized_username = $1", name);

        var pepper = await mesh.Database.ScalarAsync<string>("SELECT id FROM ring_keys WHERE purpose = 'Pepper'");
        Assert.StartsWith($"hmac-sha384+bcrypt:{pepper}:$2a$0{ProductionMesh.WorkFactor}$", stored, StringComparison.Ordinal);
        Assert.DoesNotContain(password, stored, StringComparison.Ordinal);
    }
}
