using System.Collections;
using System.Globalization;
using System.Reflection;
using AuthMesh.Identity;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/settings.md lists every setting with the default and the bounds that the services really have.</summary>
public sealed class SettingsPageTests
{
    private static readonly IReadOnlyList<IReadOnlyList<string>> Rows = new Page("docs/settings.md").Rows("key");

    private static readonly Dictionary<string, Setting> Settings = new[]
        {
            new Section("AuthMesh", typeof(AuthMeshOptions)),
            new Section("Identity", typeof(IdentityOptions)),
            // Loaded by path: with references, two services would both bring a Program class.
            new Section(
                "Gateway", Assembly.LoadFrom(Checkout.Dll("gateway")).GetType("AuthMesh.Gateway.GatewayOptions", throwOnError: true)!),
        }
        .SelectMany(section => Describe(section, section.Type, section.Name, [])).ToDictionary(setting => setting.Key);

    public static TheoryData<string> Keys => [.. Settings.Keys];

    [Fact]
    public void The_page_lists_exactly_the_settings() => Assert.Equal(
        Settings.Keys.Order(StringComparer.Ordinal), Rows.SelectMany(row => Page.Code(row[0])).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Keys))]
    public void The_page_shows_the_default(string key)
    {
        var shown = RowOf(key)[1];

        Assert.Equal(
            Settings[key].Default switch
            {
                "" => shown is "required" or "none" ? shown : "required or none",
                IList when key == "Gateway:RequestHeaders" => $"{RequestHeaders()} names in `appsettings.json`",
                IList { Count: 0 } => "none",
                bool value => value ? "`true`" : "`false`",
                var value => $"`{Text(value)}`",
            },
            shown);
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void The_service_accepts_only_values_within_the_bounds_of_the_page(string key)
    {
        var setting = Settings[key];
        var allowed = Page.Code(RowOf(key)[2]);
        if (setting.Default is not (int or TimeSpan))
        {
            Assert.True(
                setting.Default is not Enum || allowed.SequenceEqual(Enum.GetNames(setting.Default.GetType())), "values: " + RowOf(key)[2]);
            return;
        }

        Assert.Equal(2, allowed.Count);
        Assert.Equal(
            [true, true, false, false],
            new[] { (allowed[0], 0), (allowed[1], 0), (allowed[0], -1), (allowed[1], 1) }.Select(
                value => setting.Accepts(Near(value.Item1, value.Item2))));

        object Near(string text, int step) => setting.Default is int
            ? int.Parse(text, CultureInfo.InvariantCulture) + step
            : TimeSpan.ParseExact(text, "c", CultureInfo.InvariantCulture) + TimeSpan.FromMilliseconds(step);
    }

    private static IReadOnlyList<string> RowOf(string key) => Rows.Single(row => Page.Code(row[0]).Contains(key));

    private static string? Text(object value) => value is TimeSpan time ? time.ToString("c", CultureInfo.InvariantCulture)
        : Convert.ToString(value, CultureInfo.InvariantCulture);

    private static int RequestHeaders() => System.Text.Json.JsonElement.Parse(SourceTree.Read("gateway/appsettings.json"))
        .GetProperty("Gateway").GetProperty("RequestHeaders").GetArrayLength();

    private static IEnumerable<Setting> Describe(Section section, Type type, string prefix, PropertyInfo[] way) => type
        .GetProperties(BindingFlags.Instance | BindingFlags.Public)
        .Where(property => property.CanWrite || property.PropertyType.IsInterface)
        .SelectMany(
            property => property.PropertyType.Namespace!.StartsWith("AuthMesh", StringComparison.Ordinal) && property.PropertyType.IsClass
            ? Describe(section, property.PropertyType, $"{prefix}:{property.Name}", [.. way, property])
            : [new Setting(section, $"{prefix}:{property.Name}", [.. way, property])]);

    private sealed record Section(string Name, Type Type)
    {
        public ValidateOptionsResult Validate(object options)
        {
            var contract = typeof(IValidateOptions<>).MakeGenericType(Type);
            var validator = Type.Assembly.GetTypes().Single(type => contract.IsAssignableFrom(type) && !type.IsInterface);
            var environment = new HostingEnvironment { EnvironmentName = "Production" };
            object?[] arguments = [.. validator.GetConstructors().Single().GetParameters()
                .Select(parameter => parameter.ParameterType.IsInstanceOfType(environment) ? environment : null)];
            return (ValidateOptionsResult)contract.GetMethod("Validate")!.Invoke(
                Activator.CreateInstance(validator, arguments), [null, options])!;
        }
    }

    private sealed record Setting(Section Section, string Key, PropertyInfo[] Way)
    {
        public object Default => Way.Aggregate(Activator.CreateInstance(Section.Type)!, (owner, property) => property.GetValue(owner)!);

        public bool Accepts(object value)
        {
            var options = Activator.CreateInstance(Section.Type)!;
            Way[^1].SetValue(Way[..^1].Aggregate(options, (owner, property) => property.GetValue(owner)!), value);
            return Section.Validate(options).Failures?.Any(problem => problem.StartsWith(Key + " ", StringComparison.Ordinal)) is not true;
        }
    }
}
