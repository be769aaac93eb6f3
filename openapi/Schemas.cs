using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AuthMesh.Identity.Applications;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AuthMesh.OpenApi;

/// <summary>Says of each record what the framework does not know: which members are required, and which are never null.</summary>
internal static class Schemas
{
    // A new one needs them; a change may leave them out, and both share the record with this member.
    private static readonly (Type Type, string Member) AlsoRequired = (typeof(CreateApplicationRequest), "scopes");

    public static Task Complete(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        if (context.JsonTypeInfo.Type == typeof(JsonElement))
        {
            schema.Type = JsonSchemaType.Object; // what browsers exchange with passkeys
        }

        foreach (var member in context.JsonTypeInfo.Properties)
        {
            if (schema.Properties is not { } members || !members.TryGetValue(member.Name, out var described))
            {
                continue;
            }

            // A converter of our own, which the framework does not look into, reads some texts.
            if (described is OpenApiSchema { Type: null, OneOf: null, AnyOf: null } untyped && member.PropertyType == typeof(string))
            {
                untyped.Type = JsonSchemaType.String | JsonSchemaType.Null;
            }

            if (Has<RequiredAttribute>(member) || AlsoRequired == (context.JsonTypeInfo.Type, member.Name))
            {
                (schema.Required ??= new HashSet<string>()).Add(member.Name);
                members[member.Name] = WithoutNull(described);
            }
            else if (member.AttributeProvider?.GetCustomAttributes(typeof(JsonIgnoreAttribute), true).FirstOrDefault()
                is JsonIgnoreAttribute { Condition: JsonIgnoreCondition.WhenWritingNull })
            {
                schema.Required?.Remove(member.Name);
                members[member.Name] = WithoutNull(described);
            }
        }

        return Task.CompletedTask;
    }

    private static bool Has<T>(JsonPropertyInfo member)
        where T : Attribute => member.AttributeProvider?.IsDefined(typeof(T), true) is true;

    private static IOpenApiSchema WithoutNull(IOpenApiSchema schema)
    {
        if (schema is OpenApiSchema { Type: { } type } nullable)
        {
            nullable.Type = type & ~JsonSchemaType.Null;
            return nullable;
        }

        return schema.OneOf?.SingleOrDefault(choice => choice.Type != JsonSchemaType.Null) ?? schema;
    }
}
